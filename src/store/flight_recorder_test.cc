#include "store/flight_recorder.h"

#include "journal/memory_disk.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

namespace cordon::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FlightRecorderTest : public testing::Test {
 protected:
  FlightRecorderTest() : clock(WallTime(std::chrono::hours(24))) {
    options.dir =
        fs::temp_directory_path() / fmt::format("cordon-flight-{:016x}", SystemRandom().next());
    options.segment_bytes = 500;
    options.bytes_max = 2'000;
    options.record_bytes_max = 300;
    fs::create_directories(options.dir);
  }
  ~FlightRecorderTest() override { fs::remove_all(options.dir); }
  [[nodiscard]] std::vector<std::string> kept() {
    std::vector<std::string> records;
    const auto unreadable = FlightReader(options, key, disk).read([&](std::string record) {
      records.push_back(std::move(record));
      return true;
    });
    EXPECT_TRUE(unreadable.has_value());
    damaged = unreadable.value_or(0);
    return records;
  }

  FlightOptions options;
  crypto::SealKey key{};
  ManualClock clock;
  journal::SystemDisk disk;
  SystemRandom random;
  std::uint64_t damaged = 0;
};

TEST_F(FlightRecorderTest, GivesBackWhatItKeptInOrderAndShowsNothingOnDisk) {
  FlightRecorder recorder(options, key, clock, disk, random);
  ASSERT_TRUE(recorder.keep("first secret").has_value());
  ASSERT_TRUE(recorder.keep("").has_value());
  ASSERT_TRUE(recorder.keep("third secret").has_value());
  EXPECT_EQ(kept(), (std::vector<std::string>{"first secret", "", "third secret"}));
  for (const auto& item : fs::directory_iterator(options.dir)) {
    std::ifstream file(item.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    EXPECT_EQ(bytes.find("secret"), std::string::npos);
  }
}

TEST_F(FlightRecorderTest, ForgetsWhatIsPastItsTime) {
  FlightRecorder recorder(options, key, clock, disk, random);
  ASSERT_TRUE(recorder.keep("old").has_value());
  clock.advance(59min);
  ASSERT_TRUE(recorder.keep("young").has_value());
  EXPECT_EQ(kept().size(), 2U);
  clock.advance(3min);
  ASSERT_TRUE(recorder.keep("new").has_value());
  EXPECT_EQ(kept(), (std::vector<std::string>{"young", "new"}));
}

TEST_F(FlightRecorderTest, NeverHoldsMoreThanItsBytes) {
  FlightRecorder recorder(options, key, clock, disk, random);
  for (int i = 0; i < 100; ++i) {
    clock.advance(1ms);
    ASSERT_TRUE(recorder.keep(fmt::format("{:03} {}", i, std::string(200, 'x'))).has_value());
    std::uint64_t total = 0;
    for (const auto& item : fs::directory_iterator(options.dir)) total += item.file_size();
    EXPECT_LE(total, options.bytes_max + options.segment_bytes + options.record_bytes_max);
  }
  const auto records = kept();
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.back().substr(0, 3), "099");
  EXPECT_LT(records.size(), 15U);
}

TEST_F(FlightRecorderTest, LeavesOutWhatWasCutChangedOrSealedWithAnotherKey) {
  FlightRecorder recorder(options, key, clock, disk, random);
  ASSERT_TRUE(recorder.keep("one").has_value());
  ASSERT_TRUE(recorder.keep("two").has_value());
  const fs::path segment = fs::directory_iterator(options.dir)->path();
  fs::resize_file(segment, fs::file_size(segment) - 1);
  EXPECT_EQ(kept(), std::vector<std::string>{"one"});
  EXPECT_EQ(damaged, 0U);
  std::fstream file(segment, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(20);
  file.put('!');
  file.close();
  EXPECT_TRUE(kept().empty());
  EXPECT_EQ(damaged, 1U);
  key.fill(std::byte{9});
  EXPECT_TRUE(kept().empty());
}

TEST_F(FlightRecorderTest, RefusesARecordPastItsBound) {
  FlightRecorder recorder(options, key, clock, disk, random);
  EXPECT_EQ(recorder.keep(std::string(301, 'x')).error().code, Errc::exhausted);
}

}  // namespace
}  // namespace cordon::store
