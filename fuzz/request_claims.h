// What holds for a request of any protocol that is accepted: it is forwarded byte for byte, or with
// exactly what was spliced, and what is forwarded is accepted again with the same texts.
#pragma once

#include "dialect/protocol.h"

#include <cstdlib>
#include <string>
#include <string_view>

namespace cordon::fuzz {

inline void check_request(const dialect::Protocol& protocol, std::string_view body) {
  const auto request = protocol.make_request();
  const auto again = protocol.make_request();
  if (!request->parse(body)) return;
  std::string same;
  dialect::ForwardPlan plan = request->plan();
  plan.append_to(same, request->model());
  if (same != body) std::abort();
  for (const dialect::RequestText& text : request->texts()) {
    plan.splices.push_back(text.replaced_by(text.text()));
  }
  codec::sort_splices(plan.splices);
  std::size_t last = 0;
  for (const codec::Splice& splice : plan.splices) {
    if (splice.begin < last) std::abort();
    last = splice.end;
  }
  std::string out;
  plan.append_to(out, "target");
  if (!again->parse(out) || again->model() != "target") std::abort();
  if (again->texts().size() != request->texts().size()) std::abort();
  for (std::size_t i = 0; i < again->texts().size(); ++i) {
    if (again->texts()[i].text() != request->texts()[i].text()) std::abort();
    if (again->texts()[i].group != request->texts()[i].group) std::abort();
  }
}

/// The same on every surface of a dialect from which a request is forwarded.
inline void check_requests(model::Dialect dialect, std::string_view body) {
  for (std::size_t i = 0; i < dialect::kSurfaceCount; ++i) {
    const dialect::Protocol& protocol = dialect::protocol_of(static_cast<dialect::Surface>(i));
    if (protocol.dialect() != dialect) continue;
    if (protocol.answered_by() == dialect::AnsweredBy::provider) {
      check_request(protocol, body);
    } else {
      (void)protocol.make_request()->parse(body);
    }
  }
}

}  // namespace cordon::fuzz
