// The part of an exchange that crosses into another dialect.
#include "gateway/internal/exchange.h"

namespace cordon::gateway {

using dialect::Problem;
using model::End;

/// Makes the body for a target of another dialect; false if there is none, and then the turn goes
/// on to the next target. Nothing has been sent.
bool Exchange::translate(const model::Target& target) {
  if (!crossing_) crossing_ = std::make_unique<Crossing>();
  std::string body;
  plan_.append_to(body, target.model);
  auto translated = dialect::translate_request(protocol_.surface(), body);
  if (translated) {
    crossing_->body = *std::move(translated);
    return true;
  }
  crossing_->fault = std::move(translated).error();
  worker_.counters.attempts[static_cast<std::size_t>(Attempt::untranslatable)].add();
  close_attempt();
  list_attempt(Attempt::untranslatable);
  trial_.target = nullptr;
  // Of a target that was asked, or may be asked later, the caller is told rather.
  if (end_.attempts == 0 && !open_for_) {
    last_problem_ = Problem::untranslatable;
    last_end_ = End::refused;
  }
  return false;
}

std::optional<std::string_view> Exchange::retold(std::string_view bytes) {
  crossing_->body.clear();
  if (!crossing_->stream->feed(bytes, crossing_->body)) return std::nullopt;
  return crossing_->body;
}

std::int64_t Exchange::now_s() const noexcept {
  return std::chrono::duration_cast<std::chrono::seconds>(worker_.clock.wall().time_since_epoch())
      .count();
}

/// Frames of a translated stream may tell less of it, or zeros.
dialect::Usage Exchange::usage_of(const StreamInspector& inspector) const noexcept {
  if (crossing_ && crossing_->stream && crosses()) return crossing_->stream->usage();
  return inspector.usage();
}

}  // namespace cordon::gateway
