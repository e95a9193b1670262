// Questions of other gateways from a hostile caller: whatever is read can be told about, a text
// that may be rewritten stands in what is told, and one that is sealed is never rewritten. The
// first byte chooses the peer.
#include "codec/json_index.h"
#include "dialect/callout.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace cordon;

void expect(bool claim) {
  if (!claim) std::abort();
}

void check(const dialect::Protocol& protocol, std::string_view body) {
  const auto request = protocol.make_request();
  if (!request->parse(body)) return;
  const dialect::CalloutRequest& callout = *request->as_callout();
  const bool asks = callout.side() == dialect::CalloutRequest::Side::request;
  expect(asks ? callout.answers().empty() : request->texts().empty());
  std::vector<codec::Splice> splices;
  std::uint32_t group = 0;
  for (const dialect::RequestText& text : request->texts()) {
    expect(text.group >= group);
    group = text.group;
    if (!text.sealed) splices.push_back(text.replaced_by(text.text()));
  }
  for (const dialect::SlotText& text : callout.answers()) {
    if (!text.sealed) splices.push_back(text.replaced_by(text.text()));
  }
  codec::sort_splices(splices);
  std::size_t last = 0;
  for (const codec::Splice& splice : splices) {
    expect(splice.begin >= last);
    last = splice.end;
  }
  codec::JsonIndex told;
  std::string out;
  callout.append_pass(out, {});
  expect(told.parse(out).has_value());
  out.clear();
  callout.append_pass(out, splices);
  codec::JsonIndexLimits limits;
  limits.depth_max = codec::kJsonDepthMax;
  // What is told is a little deeper than what came.
  const auto parsed = told.parse(out, limits);
  expect(parsed || parsed.error().code == Errc::exhausted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr dialect::Surface kPeers[] = {
      dialect::Surface::litellm, dialect::Surface::portkey, dialect::Surface::agentgateway_request,
      dialect::Surface::agentgateway_response, dialect::Surface::kong};
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  check(dialect::protocol_of(kPeers[data[0] % std::size(kPeers)]), body);
  (void)dialect::protocol_at(body);
  return 0;
}
