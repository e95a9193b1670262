#include "app/compile_job.h"

#include "base/hex.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::app {
void CompileJob::add_pack(PackPtr pack) {
  std::string digest = pack->digest;
  packs_.insert_or_assign(std::move(digest), std::move(pack));
}

void CompileJob::want(std::string key, std::vector<model::RulepackRef> packs) {
  wanted_.insert_or_assign(std::move(key), std::move(packs));
}

Status CompileJob::run() {
  for (const auto& [key, packs] : wanted_) CORDON_CHECK(compile(key, packs));
  return {};
}

Result<CompileJob::PackPtr> CompileJob::pack_of(const model::RulepackRef& ref) {
  if (const auto known = packs_.find(ref.digest); known != packs_.end()) return known->second;
  CORDON_TRY(const std::vector<std::byte> raw, from_hex(ref.digest));
  crypto::Digest digest{};
  if (raw.size() != digest.size()) {
    return fail(Errc::invalid, fmt::format("rulepack {}: a digest that is no SHA-256", ref.name));
  }
  std::copy(raw.begin(), raw.end(), digest.begin());
  const auto text = archive_.get(digest);
  if (!text) {
    return fail(text.error().code, fmt::format("rulepack {} with digest {}: {}", ref.name,
                                               ref.digest, text.error().detail));
  }
  CORDON_TRY(PackPtr pack, policy::Rulepack::parse(*text, ref.name));
  packs_[ref.digest] = pack;
  return pack;
}

Status CompileJob::compile(const std::string& key, const std::vector<model::RulepackRef>& packs) {
  std::vector<PackPtr> all;
  for (const model::RulepackRef& ref : packs) {
    CORDON_TRY(PackPtr pack, pack_of(ref));
    all.push_back(std::move(pack));
  }
  auto compiled = policy::Engine::compile(all);
  if (!compiled) {
    return fail(Errc::invalid, fmt::format("rulepack {}, rule {}: {}", compiled.error().rulepack,
                                           compiled.error().rule_id, compiled.error().reason));
  }
  engines_[key] = *compiled;
  return {};
}

}  // namespace cordon::app
