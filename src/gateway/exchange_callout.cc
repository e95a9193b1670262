// The part of an exchange that another gateway carries: it asks, the rules decide, and the decision
// is evidence before it is told.
#include "base/percent.h"
#include "gateway/internal/exchange.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::gateway {
namespace {

using dialect::Problem;
using model::End;

/// A name that a scope can name, or none: what a caller sends is no name because it stands there.
std::string name_or_none(std::string_view text) {
  const bool name =
      text.size() <= dialect::kModelBytesMax &&
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  return name ? std::string(text) : std::string();
}

}  // namespace

/// Which route is meant: the path's, or the only one that the key may use. False, with a fault, if
/// that leaves it open.
bool Exchange::take_asked(const dialect::CalloutRequest& callout) {
  const net::RequestHead& head = client_.request();
  const std::string_view named = dialect::callout_route(head.path, protocol_);
  plan_.model = percent_decoded(named).value_or(std::string(named));
  decided_->provider = name_or_none(callout.provider());
  const std::string_view said = callout.asked_model();
  decided_->model = name_or_none(said.empty() ? head.header("x-cordon-model") : said);
  place.provider = decided_->provider;
  place.model = decided_->model;
  if (!plan_.model.empty()) return true;
  const containment::Effective& effective = obeyed_->effective();
  for (const model::Route& route : effective.generation().routes) {
    if (!effective.may_use(caller_, route.name)) continue;
    if (!plan_.model.empty()) {
      set_fault(
          {fmt::format("The path names no route and this key may use several: ask at {}ROUTE{}.",
                       dialect::kCalloutPrefix, protocol_.gateway_path()),
           {},
           {}});
      return false;
    }
    plan_.model = route.name;
  }
  return true;
}

/// Inspects an answer, if it is one, and writes what the peer will be told. Does not suspend.
void Exchange::decide(const dialect::CalloutRequest& callout) {
  std::vector<codec::Splice> splices = std::move(plan_.splices);
  if (callout.side() == dialect::CalloutRequest::Side::response) {
    answer_commitment_.begin(worker_.commitment_key, end_.head.exchange, "resp");
    for (const dialect::SlotText& text : callout.answers()) {
      end_.received_bytes += text.text().size();
      answer_commitment_.update(text.text());
    }
    end_.response_commit = answer_commitment_.finish();
    if (engine_ != nullptr) {
      inspect_answer(answer_inspection_, *engine_, ruling_.mode, callout.answers(), splices,
                     commit_context());
      take_blocked(answer_inspection_.blocked);
    }
    if (answer_inspection_.is_blocked()) return;
    end_.released_bytes = end_.received_bytes;
    codec::sort_splices(splices);
  }
  callout.append_pass(decided_->told, std::move(splices));
}

net::Task<void> Exchange::tell_decision() {
  if (!co_await begin_running()) co_return;
  const bool blocked = answer_inspection_.is_blocked();
  const bool recorded = co_await record_end(blocked ? End::blocked : End::complete, 200);
  if (!recorded) co_return co_await answer_error(Problem::evidence_unavailable);
  if (blocked) co_return co_await answer_error(Problem::policy_block);
  headers_.clear();
  add_common_headers();
  headers_.push_back({"content-type", "application/json"});
  if (!co_await client_.respond(200, headers_, decided_->told)) amend_end();
}

}  // namespace cordon::gateway
