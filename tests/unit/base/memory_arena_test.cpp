// SPDX-License-Identifier: Apache-2.0
#include "base/memory_arena.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

/// A step: blocks of growing sizes, given back last first.
void take_and_give_back(MemoryArena& arena, std::size_t smallest) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < 20; ++i) {
    blocks.push_back(arena.take(smallest + i * 100));
    ASSERT_NE(blocks.back(), nullptr);
  }
  while (!blocks.empty()) {
    arena.give_back(blocks.back());
    blocks.pop_back();
  }
}

TEST(MemoryArena, StepsOfEqualSizesUseNoMoreThanTheFirst) {
  MemoryArena arena(kMebibyte);
  take_and_give_back(arena, 1000);
  const std::size_t used = arena.used_bytes();
  for (int step = 0; step < 10; ++step) {
    take_and_give_back(arena, 1000);
    take_and_give_back(arena, 300);
  }
  EXPECT_EQ(arena.used_bytes(), used);
  EXPECT_EQ(arena.taken_bytes(), 0U);
}

TEST(MemoryArena, BlocksAreAlignedAndNeverShareAByte) {
  MemoryArena arena(64 * kMebibyte);
  struct Owner {
    std::size_t size;
    std::uint8_t mark;
  };
  std::map<std::uint8_t*, Owner> taken;
  std::uint32_t state = 1;
  const auto random = [&state](std::uint32_t below) {
    state = state * 1664525U + 1013904223U;
    return (state >> 8U) % below;
  };
  const auto expect_untouched = [](const std::uint8_t* block, const Owner& owner) {
    for (std::size_t i = 0; i < owner.size; ++i) {
      ASSERT_EQ(block[i], owner.mark);
    }
  };
  for (std::uint32_t i = 0; i < 4000; ++i) {
    if (taken.empty() || random(5) < 3) {
      const std::size_t size = 1 + random(3000);
      auto* const block = static_cast<std::uint8_t*>(arena.take(size));
      ASSERT_NE(block, nullptr);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % MemoryArena::kAlignment, 0U);
      const auto mark = static_cast<std::uint8_t>(i);
      std::memset(block, mark, size);
      taken[block] = {size, mark};
    } else {
      auto found = taken.begin();
      std::advance(found, random(static_cast<std::uint32_t>(taken.size())));
      expect_untouched(found->first, found->second);
      arena.give_back(found->first);
      taken.erase(found);
    }
  }
  for (const auto& [block, owner] : taken) {
    expect_untouched(block, owner);
    arena.give_back(block);
  }
  EXPECT_EQ(arena.taken_bytes(), 0U);
}

TEST(MemoryArena, JoinsNeighbouringHoles) {
  MemoryArena arena(kMebibyte);
  std::vector<void*> blocks;
  for (int i = 0; i < 4; ++i) {
    blocks.push_back(arena.take(1024));
  }
  arena.give_back(blocks[0]);
  arena.give_back(blocks[2]);
  arena.give_back(blocks[1]);
  EXPECT_EQ(arena.take(3 * 1024), blocks[0]);
  EXPECT_EQ(arena.used_bytes(), 4U * 1024U);
}

TEST(MemoryArena, SaysWhenItIsFullAndGoesOnWhenSomethingReturns) {
  MemoryArena arena(kMebibyte);
  void* const all = arena.take(kMebibyte);
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(arena.take(1), nullptr);
  arena.give_back(all);
  EXPECT_EQ(arena.take(kMebibyte), all);
}

TEST(MemoryArena, RefusesABlockThatIsNotOut) {
  MemoryArena arena(kMebibyte);
  auto* const block = static_cast<std::byte*>(arena.take(256));
  EXPECT_THROW(arena.give_back(block + 64), InternalError);
  arena.give_back(block);
  EXPECT_THROW(arena.give_back(block), InternalError);
}

}  // namespace
}  // namespace lambert
