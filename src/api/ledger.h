// The control thread's way onto the journal, and back: append, wait until it is durable and has
// been read back, and hold the turn meanwhile, so that no two commands decide at once (ADR 3).
#pragma once

#include "evidence/merkle.h"
#include "journal/journal.h"
#include "model/entry.h"
#include "net/watermark.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api {

/// What an entry is before it is written.
struct Draft {
  model::EntryKind kind;
  codec::Json body;
};

/// Applies one durable entry to every fold. Refuses as `corrupt` what cannot be read.
using Apply = std::function<Status(std::uint64_t sequence, std::string_view bytes)>;

/// Tails the journal on the control thread. The journal and the writer outlive it.
class Ledger {
 public:
  Ledger(net::Loop& loop, journal::Journal& journal, const model::EntryWriter& writer, Apply apply);

  /// Reads everything durable that was not read yet. Stops at the first entry that cannot be
  /// applied, and from then on refuses every command: a state that is not the journal's is worse
  /// than none.
  Status catch_up();

  /// The right to decide and append. Given in the order of asking; released when destroyed.
  class Turn {
   public:
    explicit Turn(Ledger& ledger) : ledger_(&ledger) {}
    Turn(Turn&& other) noexcept : ledger_(std::exchange(other.ledger_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    Ledger* ledger_;
  };
  /// Suspends until all earlier turns are over; `unavailable` after a bounded wait.
  [[nodiscard]] net::Task<Result<Turn>> take_turn();

  /// An entry on its way, known by id and place.
  struct Written {
    std::string id;
    std::uint64_t sequence = 0;
  };
  /// Appends without waiting, so that several entries go out in one commit.
  [[nodiscard]] Result<Written> append(const Draft& draft);
  /// Suspends until `written` is durable and applied.
  [[nodiscard]] net::Task<Status> applied(Written written);
  /// Both, for one entry.
  [[nodiscard]] net::Task<Result<Written>> record(Draft draft);

  [[nodiscard]] std::uint64_t next() const noexcept { return reader_next_; }

 private:
  void end_turn();

  journal::Journal& journal_;
  const model::EntryWriter& writer_;
  Apply apply_;
  journal::Reader reader_;
  std::uint64_t reader_next_ = 0;
  net::Watermark applied_;
  net::Watermark turns_;
  std::uint64_t tickets_ = 0;
  std::set<std::uint64_t> given_up_;
  std::optional<Error> broken_;
};

}  // namespace cordon::api
