// Cuts the power of a journal at any disk operation, with any part of what was not synced lost,
// and asks for every entry that was acknowledged. Each run is repeatable from the seed it prints.
#include "journal/journal.h"
#include "journal/memory_disk.h"
#include "journal/test_kit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

namespace cordon::journal {
namespace {

using test::entry_of;
using test::kDir;
using test::kPatience;

/// What a run that may end in a power cut came to.
struct Outcome {
  std::uint64_t acknowledged = 0;
  std::unique_ptr<MemoryDisk> disk;
};

/// Commits batches of random size until the power goes off or `commits` are done.
void append_batches(Journal& journal, Random& random, int commits) {
  std::uint64_t at = journal.durable();
  for (int commit = 0; commit < commits; ++commit) {
    const std::uint64_t last = at + random.below(40);
    for (; at <= last; ++at) {
      if (!journal.append(entry_of(at), at == last ? Urgency::eager : Urgency::lazy)) return;
    }
    if (!journal.wait_durable(last, kPatience)) return;
  }
}

/// Opens, appends, and loses power in the middle of the nth change.
Outcome run(std::unique_ptr<MemoryDisk> disk, Random& random, std::uint64_t nth, Sync sync) {
  test::Failure failure;
  Options options = test::small_options(failure);
  options.sync = sync;
  Outcome result;
  disk->power_off_at(nth);
  if (auto journal = Journal::open(options, *disk, random)) {
    append_batches(**journal, random, 30);
    static_cast<void>((*journal)->close());
    result.acknowledged = (*journal)->durable();
  }
  result.disk = std::move(disk);
  return result;
}

/// How many entries there are, from the first on, that are byte-equal to those appended.
Result<std::uint64_t> surviving(MemoryDisk& disk) {
  CORDON_TRY(const auto journal, ReadOnlyJournal::open(kDir, disk));
  Reader reader = journal.reader(0);
  for (std::uint64_t count = 0;; ++count) {
    CORDON_TRY(const auto entry, reader.next());
    if (!entry || entry->bytes != entry_of(count)) return count;
  }
}

// Three cuts in a row: the second and third also hit recovery itself.
TEST(JournalPowerCut, LosesNoAcknowledgedEntryInTwoHundredSeeds) {
  std::uint64_t acknowledged_in_all = 0;
  std::uint64_t cuts_in_flight = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    auto disk = std::make_unique<MemoryDisk>();
    std::uint64_t acknowledged = 0;
    for (int cut = 0; cut < 3; ++cut) {
      const Outcome result = run(std::move(disk), random, 1 + random.below(70), Sync::on);
      acknowledged = std::max(acknowledged, result.acknowledged);
      disk = result.disk->after_power_cut(random);
      const auto survived = surviving(*disk);
      ASSERT_TRUE(survived) << survived.error().detail;
      ASSERT_GE(*survived, acknowledged);
      if (*survived > acknowledged) ++cuts_in_flight;
    }
    acknowledged_in_all += acknowledged;
  }
  EXPECT_GT(acknowledged_in_all, 10'000U) << "too little was at stake";
  EXPECT_GT(cuts_in_flight, 20U) << "too few cuts came in the middle of a commit";
}

// Without syncs the same cuts must lose something, or the test above proves nothing.
TEST(JournalPowerCut, WithoutSyncsItNoticesTheLoss) {
  std::uint64_t seeds_with_loss = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SeededRandom random(seed);
    const Outcome result =
        run(std::make_unique<MemoryDisk>(), random, 10 + random.below(60), Sync::off);
    const auto left = result.disk->after_power_cut(random);
    const auto survived = surviving(*left);
    if (!survived || *survived < result.acknowledged) ++seeds_with_loss;
  }
  EXPECT_GT(seeds_with_loss, 50U);
}

// Every operation of a run is cut, each with several fates of what was not synced.
TEST(JournalPowerCut, LosesNoAcknowledgedEntryWhicheverOperationIsCut) {
  constexpr std::uint64_t kSeed = 11;
  SeededRandom whole(kSeed);
  const Outcome uncut = run(std::make_unique<MemoryDisk>(), whole, UINT64_MAX / 2, Sync::on);
  const std::uint64_t changes = uncut.disk->changes();
  ASSERT_GT(changes, 100U);
  std::uint64_t acknowledged_before = 0;
  for (std::uint64_t nth = 1; nth <= changes; ++nth) {
    SeededRandom random(kSeed);
    const Outcome result = run(std::make_unique<MemoryDisk>(), random, nth, Sync::on);
    ASSERT_GE(result.acknowledged, acknowledged_before) << "the run is not repeatable";
    acknowledged_before = result.acknowledged;
    for (std::uint64_t fate = 0; fate < 12; ++fate) {
      SCOPED_TRACE("operation " + std::to_string(nth) + ", fate " + std::to_string(fate));
      SeededRandom fates(nth * 100 + fate);
      const auto left = result.disk->after_power_cut(fates);
      const auto survived = surviving(*left);
      ASSERT_TRUE(survived) << survived.error().detail;
      ASSERT_GE(*survived, result.acknowledged);
    }
  }
  EXPECT_EQ(acknowledged_before, uncut.acknowledged);
}

}  // namespace
}  // namespace cordon::journal
