#include "api/past_generations.h"

#include "base/hex.h"
#include "containment/generations.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {

std::vector<std::uint64_t> PastGenerations::numbers() const {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, change] : history_.generations()) numbers.push_back(number);
  return numbers;
}

Result<std::shared_ptr<const model::Generation>> PastGenerations::read(std::uint64_t number) const {
  const auto known = history_.generations();
  const auto found = known.find(number);
  if (found == known.end()) {
    return fail(Errc::not_found, fmt::format("there is no generation {}", number));
  }
  return read(std::get<containment::GenerationChange>(found->second->what).generation);
}

Result<std::shared_ptr<const model::Generation>> PastGenerations::read(
    const containment::PastGeneration& generation) const {
  CORDON_TRY(const auto raw, from_hex(generation.digest));
  crypto::Digest digest;
  if (raw.size() != digest.size()) return fail(Errc::corrupt, "a digest that is not SHA-256");
  std::copy(raw.begin(), raw.end(), digest.begin());
  auto blob = archive_.get(digest);
  if (!blob) {
    return fail(blob.error().code, fmt::format("generation {} cannot be read: {}",
                                               generation.number, blob.error().detail));
  }
  return containment::read_generation(*blob, generation.digest);
}

Status archive(store::Archive& archive, const model::Generation& generation) {
  const auto stored = archive.put(codec::write_json(generation.to_json()));
  if (!stored) return tl::make_unexpected(stored.error());
  return {};
}

Status restore(store::Archive& archive, const PastGenerations& past,
               const containment::PastGeneration& last, const containment::State& measures) {
  if (last.number <= 1 || past.read(last)) return {};
  CORDON_TRY(const auto before, past.read(last.number - 1));
  const auto again = containment::with_measures(*before, last.number, measures);
  if (again->digest != last.digest) {
    return fail(Errc::corrupt, fmt::format("generation {} is not in the archive, and made again it "
                                           "has the digest {}, not {}",
                                           last.number, again->digest, last.digest));
  }
  return api::archive(archive, *again);
}

}  // namespace cordon::api
