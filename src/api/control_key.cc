// How a tenant's key is issued, rotated, expired and revoked.
#include "api/control_plane.h"
#include "base/log.h"

namespace cordon::api {

using containment::KeyEvent;
using model::EntryKind;

net::Task<Result<KeyChanged>> ControlPlane::issue_key(containment::IssueKey command) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  auto made = keys_.issue(command, *configured_, now(), parts_.writer.random());
  std::string secret = made ? std::move(made->secret) : std::string();
  Result<KeyEvent> event = made ? Result<KeyEvent>(std::move(made->event))
                                : Result<KeyEvent>(tl::make_unexpected(made.error()));
  co_return co_await change_key("issue_key", std::move(event), std::move(secret),
                                std::move(command.by));
}

net::Task<Result<KeyChanged>> ControlPlane::rotate_key(containment::RotateKey command) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  auto made = keys_.rotate(command, *configured_, now(), parts_.writer.random());
  std::string secret = made ? std::move(made->secret) : std::string();
  Result<KeyEvent> event = made ? Result<KeyEvent>(std::move(made->event))
                                : Result<KeyEvent>(tl::make_unexpected(made.error()));
  co_return co_await change_key("rotate_key", std::move(event), std::move(secret),
                                std::move(command.by));
}

net::Task<Result<KeyChanged>> ControlPlane::expire_key(std::string id,
                                                       std::chrono::milliseconds expires_in,
                                                       std::string reason, model::Actor by) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  const WallTime at = now();
  auto set = keys_.expire(id, at + expires_in, std::move(reason), by, at);
  Result<KeyEvent> event =
      set ? Result<KeyEvent>(*std::move(set)) : Result<KeyEvent>(tl::make_unexpected(set.error()));
  std::string none;
  co_return co_await change_key("expire_key", std::move(event), std::move(none), std::move(by));
}

net::Task<Result<KeyChanged>> ControlPlane::revoke_key(std::string id, std::string reason,
                                                       model::Actor by) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  auto revoked = keys_.revoke(id, std::move(reason), by, now());
  Result<KeyEvent> event = revoked ? Result<KeyEvent>(*std::move(revoked))
                                   : Result<KeyEvent>(tl::make_unexpected(revoked.error()));
  std::string none;
  co_return co_await change_key("revoke_key", std::move(event), std::move(none), std::move(by));
}

net::Task<Result<KeyChanged>> ControlPlane::change_key(std::string_view command,
                                                       Result<KeyEvent> event, std::string secret,
                                                       model::Actor by) {
  if (!event) {
    co_await refuse(command, by, event.error());
    co_return tl::make_unexpected(event.error());
  }
  containment::Keys after = keys_;
  after.evolve(*event);
  const auto configured = containment::seal(containment::with_keys(*configured_, after, now()));
  const containment::Containment* const rollback = measures_.rollback();
  const auto from = origin(*configured, rollback == nullptr ? std::nullopt : rollback->to);
  if (!from) co_return tl::make_unexpected(from.error());
  const auto next = containment::with_measures(*from, generation_->number + 1, measures_);
  CORDON_CO_CHECK(archive(parts_.archive, *next));

  // Both go out in one commit: what changed, and what everybody obeys from now on.
  const std::string id(containment::id_of(*event));
  const Draft change{EntryKind::key_change, containment::to_body(*event)};
  const auto changed = ledger_.append(change);
  if (!changed) co_return tl::make_unexpected(changed.error());
  const Draft obeyed{EntryKind::generation_change,
                     containment::generation_change_body(*next, changed->id, by)};
  const auto written = ledger_.append(obeyed);
  if (!written) co_return tl::make_unexpected(written.error());
  const Status applied = co_await ledger_.applied(*written);
  if (!applied) co_return tl::make_unexpected(applied.error());

  configured_ = configured;
  // The receipt names the entry: a measure may have been given the id of a key.
  auto receipt = co_await publish(next, changed->id);
  if (!receipt) co_return tl::make_unexpected(receipt.error());
  co_return KeyChanged{*keys_.find(id), *std::move(receipt), std::move(secret)};
}

}  // namespace cordon::api
