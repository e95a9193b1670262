#include "api/ledger.h"

#include "base/log.h"

#include <fmt/format.h>

namespace cordon::api {
namespace {

constexpr std::chrono::seconds kAppliedWait{10};
constexpr std::chrono::seconds kTurnWait{30};

}  // namespace

Ledger::Ledger(net::Loop& loop, journal::Journal& journal, const model::EntryWriter& writer,
               Apply apply)
    : journal_(journal),
      writer_(writer),
      apply_(std::move(apply)),
      reader_(journal.reader(0)),
      applied_(loop),
      turns_(loop) {}

Status Ledger::catch_up() {
  while (!broken_) {
    const auto entry = reader_.next();
    if (!entry) {
      broken_ = entry.error();
    } else if (!*entry) {
      break;
    } else if (const auto done = apply_((*entry)->sequence, (*entry)->bytes); !done) {
      broken_ = Error{done.error().code,
                      fmt::format("entry {}: {}", (*entry)->sequence, done.error().detail)};
    } else {
      reader_next_ = (*entry)->sequence + 1;
    }
  }
  applied_.raise(reader_next_);
  if (!broken_) return {};
  if (!applied_.failed()) {
    log::error("journal_unreadable", {{"detail", broken_->detail}});
    applied_.fail();
  }
  return tl::make_unexpected(*broken_);
}

net::Task<Result<Ledger::Turn>> Ledger::take_turn() {
  const std::uint64_t ticket = tickets_++;
  const Status reached = co_await turns_.reach(ticket, kTurnWait);
  if (!reached) {
    given_up_.insert(ticket);
    co_return fail(Errc::unavailable, "other changes are still being made; try again");
  }
  co_return Turn(*this);
}

Ledger::Turn::~Turn() {
  if (ledger_ != nullptr) ledger_->end_turn();
}

void Ledger::end_turn() {
  std::uint64_t next = turns_.value() + 1;
  while (given_up_.erase(next) > 0) ++next;
  turns_.raise(next);
}

Result<Ledger::Written> Ledger::append(const Draft& draft) {
  if (broken_) return tl::make_unexpected(*broken_);
  CORDON_TRY(const auto entry, writer_.compose(draft.kind, draft.body));
  Written written;
  written.id = entry.id;
  CORDON_TRY(written.sequence, journal_.append(entry.bytes, journal::Urgency::eager));
  return written;
}

net::Task<Status> Ledger::applied(Written written) {
  const Status reached = co_await applied_.reach(written.sequence + 1, kAppliedWait);
  if (!reached) {
    // In doubt: it may still become durable. The caller must look before it tries again.
    co_return fail(Errc::unavailable, "the journal did not confirm in time; look before you retry");
  }
  co_return Status{};
}

net::Task<Result<Ledger::Written>> Ledger::record(Draft draft) {
  CORDON_CO_TRY(Written written, append(draft));
  const Status done = co_await applied(written);
  if (!done) co_return tl::make_unexpected(done.error());
  co_return written;
}

}  // namespace cordon::api
