// The generations that were in force before, read back from the archive by their digests.
#pragma once

#include "containment/history.h"
#include "store/archive.h"

#include <memory>
#include <vector>

namespace cordon::api {

/// Control thread only. History and archive outlive it.
class PastGenerations final : public containment::Past {
 public:
  PastGenerations(const containment::History& history, const store::Archive& archive)
      : history_(history), archive_(archive) {}

  [[nodiscard]] std::vector<std::uint64_t> numbers() const override;
  [[nodiscard]] Result<std::shared_ptr<const model::Generation>> read(
      std::uint64_t number) const override;
  /// By digest: `not_found` if the blob is gone, `corrupt` if it is not what was sealed.
  [[nodiscard]] Result<std::shared_ptr<const model::Generation>> read(
      const containment::PastGeneration& generation) const;

 private:
  const containment::History& history_;
  const store::Archive& archive_;
};

/// Keeps what `state --at` and a rollback read; durable on return. Again is no harm.
[[nodiscard]] Status archive(store::Archive& archive, const model::Generation& generation);

/// A crash can come between a cut and the archive. Then the last generation is made again, out of
/// the one before and the measures in force. `corrupt` if that is not what the journal names.
[[nodiscard]] Status restore(store::Archive& archive, const PastGenerations& past,
                             const containment::PastGeneration& last,
                             const containment::State& measures);

}  // namespace cordon::api
