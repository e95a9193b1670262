// Every exchange of one I/O thread that runs now, so that a switch can cut it.
//
// A change reaches a thread as a new Effective. The thread sweeps: what the change forbids is
// cut, and the sweep is done, and may be acknowledged, once all it cut has ended.
#pragma once

#include "base/clock.h"
#include "containment/effective.h"
#include "containment/recent.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace cordon::containment {

class Registry;

/// What a sweep met: an exchange that it cut, or one whose outcome was decided and recorded
/// already, which only delivers what is left.
enum class CutResult : std::uint8_t { cut, was_ending };

/// An exchange as the registry sees it. The exchange derives from it, or owns one. Belongs to
/// the registry's thread; leaves the registry when destroyed.
class InFlight {
 public:
  InFlight() = default;
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  virtual ~InFlight();

  /// The place, as views into what the exchange owns. Must hold while it is registered.
  model::Place place;

  /// Called once at most, by a sweep. The exchange stops writing, closes both sides within a
  /// bounded time, and leaves the registry. May leave it before it returns; must not suspend.
  virtual CutResult cut(const Forbidden& why) = 0;

  /// The wall time of the last byte that went to the client. Told once cut, before leaving.
  void wrote_last_byte(WallTime at) noexcept { last_byte_at_ = at; }
  /// Told when a sweep met it at its end: the client gets the whole answer, so it was not cut.
  void stays_whole() noexcept { whole_ = true; }
  /// Told when that answer was torn after all.
  void was_torn() noexcept { whole_ = false; }
  [[nodiscard]] bool is_registered() const noexcept { return registry_ != nullptr; }

 private:
  friend class Registry;
  Registry* registry_ = nullptr;
  InFlight* previous_ = nullptr;
  InFlight* next_ = nullptr;
  std::uint64_t cut_by_ = 0;  ///< number of the sweep that cut it; 0 when none did
  std::optional<WallTime> last_byte_at_;
  bool whole_ = false;
};

/// What one sweep of one thread did.
struct Sweep {
  std::uint64_t generation = 0;
  std::uint64_t streams_cut = 0;         ///< without those that were ending by themselves
  std::optional<WallTime> last_byte_at;  ///< the latest in its scope
};

/// Is told when a sweep and all before it are done.
class SweepListener {
 public:
  virtual ~SweepListener() = default;
  /// On the registry's thread, possibly inside sweep() or inside a destructor: must not throw,
  /// suspend, or touch the registry.
  virtual void swept(const Sweep& sweep) noexcept = 0;
};

/// One per I/O thread. Adding and leaving take constant time and never allocate.
class Registry {
 public:
  /// The listener must outlive it. An exchange that is still registered when it is destroyed is
  /// let go.
  Registry(std::shared_ptr<const Effective> effective, SweepListener& listener);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry();

  /// What this thread obeys now.
  [[nodiscard]] const std::shared_ptr<const Effective>& effective() const noexcept {
    return effective_;
  }
  /// Registers an exchange and answers whether it is forbidden as of now; a forbidden one is not
  /// registered. Between a ruling and this call the generation may have changed.
  [[nodiscard]] std::optional<Forbidden> add(InFlight& exchange);
  /// Gives a registered exchange its target, unless that is forbidden as of now. The views must
  /// hold while it is registered.
  [[nodiscard]] std::optional<Forbidden> choose(InFlight& exchange, const model::Target& target);
  /// Does nothing for one that is not registered.
  void remove(InFlight& exchange) noexcept;

  /// Obeys `next` and cuts what it forbids; answers with how many. The sweep waits for what was
  /// ending by itself as well. An exchange that was cut before is not cut again.
  std::uint64_t sweep(std::shared_ptr<const Effective> next);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// What runs in `scope` now.
  [[nodiscard]] Touched running(const model::Scope& scope) const;

 private:
  struct Pending {
    Sweep sweep;
    std::uint64_t waiting = 0;  ///< cut and not yet gone
    bool sweeping = true;
  };
  void report_done() noexcept;

  std::shared_ptr<const Effective> effective_;
  SweepListener& listener_;
  InFlight* head_ = nullptr;
  InFlight* cursor_ = nullptr;  ///< the next one a running sweep will look at
  std::size_t size_ = 0;
  std::uint64_t first_sweep_ = 1;  ///< number of pending_.front()
  std::deque<Pending> pending_;
};

}  // namespace cordon::containment
