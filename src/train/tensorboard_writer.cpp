// SPDX-License-Identifier: Apache-2.0
#include "train/tensorboard_writer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <system_error>

#include <boost/crc.hpp>
#include <protozero/pbf_writer.hpp>
#include <unistd.h>

namespace lambert {
namespace {

// Field numbers of event.proto and summary.proto.
constexpr protozero::pbf_tag_type kEventWallTime = 1;
constexpr protozero::pbf_tag_type kEventStep = 2;
constexpr protozero::pbf_tag_type kEventFileVersion = 3;
constexpr protozero::pbf_tag_type kEventSummary = 5;
constexpr protozero::pbf_tag_type kEventSessionLog = 7;
constexpr protozero::pbf_tag_type kSummaryValue = 1;
constexpr protozero::pbf_tag_type kValueTag = 1;
constexpr protozero::pbf_tag_type kValueSimpleValue = 2;
constexpr protozero::pbf_tag_type kValueHistogram = 5;
constexpr protozero::pbf_tag_type kHistogramMinimum = 1;
constexpr protozero::pbf_tag_type kHistogramMaximum = 2;
constexpr protozero::pbf_tag_type kHistogramCount = 3;
constexpr protozero::pbf_tag_type kHistogramSum = 4;
constexpr protozero::pbf_tag_type kHistogramSumOfSquares = 5;
constexpr protozero::pbf_tag_type kHistogramLimits = 6;
constexpr protozero::pbf_tag_type kHistogramBuckets = 7;
constexpr protozero::pbf_tag_type kSessionLogStatus = 1;
constexpr std::int32_t kSessionStart = 1;

constexpr std::size_t kBuckets = 30;  // as many as TensorBoard shows

using Crc32C = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

/// The mask of TFRecord: a CRC of data that itself holds CRCs would be weak.
std::uint32_t masked_crc(const void* data, std::size_t size) {
  Crc32C crc;
  crc.process_bytes(data, size);
  const std::uint32_t value = crc.checksum();
  return ((value >> 15) | (value << 17)) + 0xA282EAD8U;
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// HistogramProto: counts of values in buckets of equal width between smallest and largest.
void add_histogram(protozero::pbf_writer& histogram, const std::vector<double>& values) {
  const auto [smallest, largest] = std::minmax_element(values.begin(), values.end());
  const double width = (*largest - *smallest) / static_cast<double>(kBuckets);
  std::vector<double> limits(kBuckets);
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    limits[bucket] = *smallest + width * static_cast<double>(bucket + 1);
  }
  limits.back() = *largest;
  std::vector<double> counts(kBuckets, 0.0);
  double sum = 0.0;
  double sum_of_squares = 0.0;
  for (const double value : values) {
    const auto limit = std::lower_bound(limits.begin(), limits.end(), value);
    counts[static_cast<std::size_t>(limit - limits.begin())] += 1.0;
    sum += value;
    sum_of_squares += value * value;
  }
  histogram.add_double(kHistogramMinimum, *smallest);
  histogram.add_double(kHistogramMaximum, *largest);
  histogram.add_double(kHistogramCount, static_cast<double>(values.size()));
  histogram.add_double(kHistogramSum, sum);
  histogram.add_double(kHistogramSumOfSquares, sum_of_squares);
  histogram.add_packed_double(kHistogramLimits, limits.begin(), limits.end());
  histogram.add_packed_double(kHistogramBuckets, counts.begin(), counts.end());
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder, std::int64_t first_step) {
  std::error_code ignored;  // a folder that cannot be made shows in healthy()
  std::filesystem::create_directories(folder, ignored);
  const auto seconds = static_cast<long long>(wall_time());
  file_.open(folder / ("events.out.tfevents." + std::to_string(seconds) + "." + host_name() + "." +
                       std::to_string(::getpid())),
             std::ios::binary);
  std::string version;
  protozero::pbf_writer(version).add_double(kEventWallTime, wall_time());
  protozero::pbf_writer(version).add_string(kEventFileVersion, "brain.Event:2");
  write_record(version);
  if (first_step > 0) {
    std::string restart;
    protozero::pbf_writer event(restart);
    event.add_double(kEventWallTime, wall_time());
    event.add_int64(kEventStep, first_step);
    protozero::pbf_writer session(event, kEventSessionLog);
    session.add_int32(kSessionLogStatus, kSessionStart);
    session.commit();
    write_record(restart);
  }
  file_.flush();
}

void TensorBoardWriter::write_scalars(std::int64_t step,
                                      const std::vector<std::pair<std::string, double>>& scalars) {
  std::string data;
  protozero::pbf_writer event(data);
  event.add_double(kEventWallTime, wall_time());
  event.add_int64(kEventStep, step);
  {
    protozero::pbf_writer summary(event, kEventSummary);
    for (const auto& [tag, scalar] : scalars) {
      protozero::pbf_writer value(summary, kSummaryValue);
      value.add_string(kValueTag, tag);
      value.add_float(kValueSimpleValue, static_cast<float>(scalar));
    }
  }
  write_record(data);
  file_.flush();
}

void TensorBoardWriter::write_histogram(std::int64_t step, const std::string& tag,
                                        const std::vector<double>& values) {
  if (values.empty()) {
    return;
  }
  std::string data;
  protozero::pbf_writer event(data);
  event.add_double(kEventWallTime, wall_time());
  event.add_int64(kEventStep, step);
  {
    protozero::pbf_writer summary(event, kEventSummary);
    protozero::pbf_writer value(summary, kSummaryValue);
    value.add_string(kValueTag, tag);
    protozero::pbf_writer histogram(value, kValueHistogram);
    add_histogram(histogram, values);
  }
  write_record(data);
  file_.flush();
}

void TensorBoardWriter::write_record(std::string_view event) {
  const std::uint64_t length = event.size();
  const std::uint32_t length_crc = masked_crc(&length, sizeof(length));
  const std::uint32_t data_crc = masked_crc(event.data(), event.size());
  std::string record(sizeof(length) + sizeof(length_crc), '\0');
  std::memcpy(record.data(), &length, sizeof(length));
  std::memcpy(record.data() + sizeof(length), &length_crc, sizeof(length_crc));
  record += event;
  record.append(reinterpret_cast<const char*>(&data_crc), sizeof(data_crc));
  file_.write(record.data(), static_cast<std::streamsize>(record.size()));
}

}  // namespace lambert
