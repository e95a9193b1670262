// What evidence costs: hashing an entry into the tree, signing a head, freezing ten thousand
// records and verifying them. Usage: evidence_bench [directory to leave the bundle in]
#include "base/clock.h"
#include "base/random.h"
#include "evidence/bundle.h"
#include "evidence/rederive.h"
#include "evidence/verify.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace cordon;            // NOLINT(google-build-using-namespace)
using namespace cordon::evidence;  // NOLINT(google-build-using-namespace)

constexpr std::uint64_t kLogEntries = 1'000'000;
constexpr std::uint64_t kRecords = 10'000;
constexpr const char* kOrigin = "cordon.example/evidence/bench";

/// Entries of about 400 bytes that are made when asked for, so that memory does not grow.
class MadeEntries final : public EntrySource {
 public:
  [[nodiscard]] static std::string entry(std::uint64_t i) {
    return fmt::format(
        R"({{"v":1,"kind":"decision","id":"019b8d3e-7c00-7000-8000-{:012x}",)"
        R"("ts":"2026-01-05T10:00:00.{:09}Z","mono_ns":{},"boot":"b","node":"n","exchange":"{}"}})",
        i, i, i, std::string(260, 'e'));
  }
  Status read(std::uint64_t first, std::uint64_t count, const Visit& visit) override {
    for (std::uint64_t i = first; i < first + count; ++i) CORDON_CHECK(visit(i, entry(i)));
    return {};
  }
};

/// Both times: on a busy machine only the processor's tells what the work costs.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return static_cast<double>((clock_.mono() - begin_).count()) / 1e9;
  }
  [[nodiscard]] double cpu_seconds() const { return cpu() - cpu_begin_; }

 private:
  static double cpu() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return of(used.ru_utime) + of(used.ru_stime);
  }
  SystemClock clock_;
  MonoTime begin_ = clock_.mono();
  double cpu_begin_ = cpu();
};

Tree measure_integration() {
  const std::string entry = MadeEntries::entry(1);
  Tree warm;
  const Stopwatch integrating;
  for (std::uint64_t i = 0; i < kLogEntries; ++i) warm.append(leaf_hash(entry));
  fmt::print("integrate        {:8.0f} ns an entry of {} bytes (processor time)\n",
             integrating.cpu_seconds() * 1e9 / kLogEntries, entry.size());
  Rederivation again;
  const Stopwatch rederiving;
  for (std::uint64_t i = 0; i < kLogEntries; ++i) again.add(entry);
  fmt::print("derive again     {:8.0f} ns an entry (processor time), same root: {}\n",
             rederiving.cpu_seconds() * 1e9 / kLogEntries, again.root() == warm.root());

  Tree tree;
  for (std::uint64_t i = 0; i < kLogEntries; ++i) tree.append(leaf_hash(MadeEntries::entry(i)));
  return tree;
}

int measure_bundle(const std::filesystem::path& out) {
  const Tree tree = measure_integration();
  MadeEntries entries;
  const crypto::SigningKey key = crypto::SigningKey::generate();
  const auto verifier = VerifierKey::make(kOrigin, key.public_key());
  BundleRequest request;
  request.incident = "INC-2026-00001";
  request.incident_json = "{}";
  for (std::uint64_t i = 0; i < kRecords; ++i) request.sequences.push_back(500'000 + i * 3);
  request.checkpoint = sign_checkpoint({kOrigin, tree.size(), tree.root()}, key);
  Prover prover(tree, entries);
  const Stopwatch freezing;
  const auto frozen = freeze(request, prover, entries, *verifier, key, out);
  if (!frozen) {
    fmt::print("{}\n", frozen.error().detail);
    return 1;
  }
  fmt::print(
      "freeze           {:8.2f} s, processor {:.2f} s, for {} records out of {}, tar of {} MB\n",
      freezing.seconds(), freezing.cpu_seconds(), frozen->records, kLogEntries,
      frozen->tar_bytes / 1'000'000);
  for (const auto& path : {frozen->bag, frozen->tar}) {
    const Stopwatch verifying;
    const auto report = verify_bundle(path, {*verifier, std::nullopt});
    fmt::print("verify {}       {:8.0f} records/s, {:.0f} by processor time, ok: {}\n",
               path == frozen->tar ? "tar" : "bag", kRecords / verifying.seconds(),
               kRecords / verifying.cpu_seconds(), report && report->ok);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return measure_bundle(argv[1]);
  const auto out = std::filesystem::temp_directory_path() /
                   fmt::format("cordon-bench-{:016x}", SystemRandom().next());
  const int code = measure_bundle(out);
  std::filesystem::remove_all(out);
  return code;
}
