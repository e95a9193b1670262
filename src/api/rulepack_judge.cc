#include "api/internal/rulepack_judge.h"

#include "base/hex.h"
#include "crypto/sha256.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api::internal {

Result<std::string> blob_of(const store::Archive& archive, std::string_view digest) {
  CORDON_TRY(const std::vector<std::byte> raw, from_hex(digest));
  crypto::Digest key{};
  if (raw.size() != key.size()) return fail(Errc::invalid, "a digest has 64 hexadecimal digits");
  std::copy(raw.begin(), raw.end(), key.begin());
  return archive.get(key);
}

Result<replay::ReplayTest> open_test(const store::Vault& vault, const ReplayRecord& record) {
  CORDON_TRY(const std::string bytes, vault.get(record.digest));
  if (crypto::hex(crypto::sha256(bytes)) != record.digest) {
    return fail(
        Errc::corrupt,
        fmt::format("the replay test {} does not have the digest that its entry names", record.id));
  }
  return replay::read(bytes);
}

Status JudgeJob::read() {
  CORDON_TRY(pack, policy::Rulepack::parse(text, file));
  return {};
}

void JudgeJob::add_tests(const std::vector<ReplayRecord>& all, const model::Generation& next,
                         const Engines& engines) {
  for (const ReplayRecord& record : all) {
    const auto route = std::find_if(next.routes.begin(), next.routes.end(),
                                    [&](const auto& each) { return each.name == record.route; });
    if (route == next.routes.end()) {
      if (record.holds(pack->name)) due_.push_back({record, nullptr});
      continue;
    }
    const auto& packs = route->rulepacks;
    const bool obeys = std::any_of(packs.begin(), packs.end(),
                                   [&](const auto& ref) { return ref.name == pack->name; });
    const auto engine = engines.routes.find(route->name);
    if (obeys && engine != engines.routes.end()) due_.push_back({record, engine->second});
  }
}

replay::Report JudgeJob::run_test(const ReplayRecord& record,
                                  std::shared_ptr<const policy::Engine> engine,
                                  const replay::Candidates& candidates) const {
  const auto refused = [&record](const Error& error) {
    replay::Report report;
    report.id = record.id;
    report.incident = record.incident;
    report.missing = error.detail;
    return report;
  };
  const auto test = open_test(vault, record);
  if (!test) return refused(test.error());
  if (!engine) {
    auto compiled = replay::compile(*test, candidates);
    if (!compiled) return refused(compiled.error());
    engine = *std::move(compiled);
  }
  return replay::run(*test, *engine);
}

Status JudgeJob::compare() {
  CORDON_TRY(const std::string old_text, blob_of(archive, before));
  CORDON_TRY(const auto old, policy::Rulepack::parse(old_text, pack->name));
  CORDON_TRY(diff, policy::diff({*old, old_text}, {*pack, text}));
  for (const Due& each : due_) {
    reports.push_back(run_test(each.record, each.engine, {pack}));
  }
  return {};
}

}  // namespace cordon::api::internal
