// SPDX-License-Identifier: Apache-2.0
#include "comm/shared_channel.h"

#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace lambert {
namespace {

constexpr std::size_t kSlotBytes = 256;

struct FreeMemory {
  void operator()(std::byte* memory) const { std::free(memory); }
};

std::unique_ptr<std::byte, FreeMemory> make_memory() {
  const std::size_t bytes = (SharedChannel::memory_bytes(kSlotBytes) + 63) / 64 * 64;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, bytes));
  std::fill_n(memory, bytes, std::byte{0});
  return std::unique_ptr<std::byte, FreeMemory>(memory);
}

TEST(SharedChannel, HoldsAsManyMessagesAsThereAreSlots) {
  const auto memory = make_memory();
  SharedChannel sender(memory.get(), kSlotBytes);
  SharedChannel receiver(memory.get(), kSlotBytes);
  EXPECT_FALSE(receiver.can_receive());
  const std::vector<std::byte> message(10, std::byte{5});
  for (std::size_t i = 0; i < Link::kSlots; ++i) {
    EXPECT_TRUE(sender.can_send());
    sender.send(message);
  }
  EXPECT_FALSE(sender.can_send());
  ASSERT_TRUE(receiver.can_receive());
  EXPECT_EQ(receiver.front(10)[9], std::byte{5});
  receiver.drop_front();
  EXPECT_TRUE(sender.can_send());
}

TEST(SharedChannel, KeepsOrderAndContentBetweenTwoThreads) {
  const auto memory = make_memory();
  constexpr int kMessages = 2000;
  std::thread sending([&memory] {
    SharedChannel sender(memory.get(), kSlotBytes);
    for (int i = 0; i < kMessages; ++i) {
      const std::vector<std::byte> message(static_cast<std::size_t>(i) % kSlotBytes + 1,
                                           static_cast<std::byte>(i));
      while (!sender.can_send()) {
        std::this_thread::yield();
      }
      sender.send(message);
    }
  });
  SharedChannel receiver(memory.get(), kSlotBytes);
  int wrong = 0;
  for (int i = 0; i < kMessages; ++i) {
    while (!receiver.can_receive()) {
      std::this_thread::yield();
    }
    for (const std::byte byte : receiver.front(static_cast<std::size_t>(i) % kSlotBytes + 1)) {
      wrong += byte == static_cast<std::byte>(i) ? 0 : 1;
    }
    receiver.drop_front();
  }
  sending.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace lambert
