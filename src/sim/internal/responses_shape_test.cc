// The shape of the Responses API, as a client reads it.
#include "codec/json.h"
#include "codec/sse.h"
#include "sim/internal/request.h"
#include "sim/internal/responses_reply.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cordon::sim {
namespace {

using codec::Json;

Reply full_reply(std::uint32_t chunk_bytes) {
  Reply reply;
  reply.purpose = Purpose::response;
  reply.id = 7;
  reply.model = "m\"1";
  reply.text = "Gr\u00fc\u00dfe \U0001F600 \"quoted\"\n";
  reply.reasoning = "First \u2013 second.";
  reply.calls = {{"look_up", R"({"city":"K\u00f6ln","days":3})"}, {"look_up", "{}"}};
  reply.ending = Ending::tool_calls;
  reply.chunk_bytes = chunk_bytes;
  reply.tokens_in = 5;
  reply.tokens_out = 9;
  return reply;
}

std::vector<Json> events_of(const Stream& stream) {
  codec::SseFramer framer;
  framer.feed(stream.bytes);
  std::vector<Json> events;
  for (auto next = framer.next(); next && *next; next = framer.next()) {
    const auto json = codec::parse_json((*next)->data);
    EXPECT_TRUE(json) << (*next)->data;
    if (!json) break;
    EXPECT_EQ((*json)["type"], (*next)->name);
    EXPECT_EQ((*json)["sequence_number"], events.size());
    events.push_back(*json);
  }
  EXPECT_TRUE(framer.rest().empty());
  return events;
}

TEST(SimResponses, SaysTheSameWholeAndStreamedHoweverItIsCut) {
  for (std::uint32_t chunk = 1; chunk < 40; ++chunk) {
    const Reply reply = full_reply(chunk);
    const auto whole = codec::parse_json(write_whole(Shape::openai, reply));
    ASSERT_TRUE(whole);
    ASSERT_EQ((*whole)["output"].size(), 4U);
    const Stream stream = write_stream(Shape::openai, reply);
    const std::vector<Json> events = events_of(stream);
    EXPECT_EQ(events.back()["type"], "response.completed");
    EXPECT_EQ(events.back()["response"], *whole);
    EXPECT_EQ(stream.ends.size(), events.size() - 1) << "the terminal event is not among them";
    std::vector<std::string> said(4);
    std::size_t done = 0;
    for (const Json& event : events) {
      if (event.contains("delta")) {
        said[event["output_index"].get<std::size_t>()] += event["delta"].get<std::string>();
      }
      if (event["type"] == "response.output_item.done") {
        EXPECT_EQ(event["item"], (*whole)["output"][done]);
        EXPECT_EQ(event["output_index"], done++);
      }
    }
    EXPECT_EQ(said[0], reply.reasoning);
    EXPECT_EQ(said[1], reply.text);
    EXPECT_EQ(said[2], reply.calls[0].arguments);
    EXPECT_EQ(done, 4U);
  }
}

TEST(SimResponses, SaysHowItEnded) {
  Reply reply = full_reply(24);
  reply.calls.clear();
  reply.ending = Ending::length;
  const auto cut = codec::parse_json(write_response(reply));
  EXPECT_EQ((*cut)["status"], "incomplete");
  EXPECT_EQ((*cut)["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ((*cut)["output"][1]["status"], "incomplete");
  EXPECT_EQ(events_of(write_response_stream(reply)).back()["type"], "response.incomplete");
  reply.finish = "failed";
  const auto failed = events_of(write_response_stream(reply)).back();
  EXPECT_EQ(failed["type"], "response.failed");
  EXPECT_EQ(failed["response"]["error"]["code"], "server_error");
}

TEST(SimResponses, ReadsItemsAndRefusesByName) {
  Ask ask;
  const auto parse = [&](std::string_view body) {
    return ask.parse(Shape::openai, body, Purpose::response);
  };
  ASSERT_TRUE(parse(R"({"model":"m","input":"hi","instructions":"be kind","stream":true})"));
  EXPECT_EQ(ask.last_text, "hi");
  EXPECT_TRUE(ask.stream);
  ASSERT_TRUE(parse(R"({"model":"m","input":[{"role":"user","content":"first"},)"
                    R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}"},)"
                    R"({"type":"function_call_output","call_id":"c","output":"one"},)"
                    R"({"type":"function_call_output","call_id":"d","output":[)"
                    R"({"type":"input_text","text":"two"}]}],)"
                    R"("tools":[{"type":"function","name":"f","parameters":{}}],)"
                    R"("reasoning":{"summary":"auto"},"max_output_tokens":5})"));
  EXPECT_EQ(ask.last_text, "one\ntwo");
  EXPECT_TRUE(ask.from_tool);
  EXPECT_TRUE(ask.thinking);
  EXPECT_EQ(ask.tokens_max, 5U);
  ASSERT_EQ(ask.tools.size(), 1U);
  EXPECT_EQ(ask.tools[0].name, "f");
  struct Case {
    std::string_view body;
    std::string_view path;
  };
  const Case cases[] = {
      {R"({"model":"m"})", "input"},
      {R"({"model":"m","input":5})", "input"},
      {R"({"model":"m","input":[5]})", "input[0]"},
      {R"({"model":"m","input":[{"content":"x"}]})", "input[0].role"},
      {R"({"model":"m","input":[{"type":"function_call_output","output":"x"}]})",
       "input[0].call_id"},
      {R"({"model":"m","input":"x","tools":[{"type":"function"}]})", "tools[0].name"},
      {R"({"model":"m","input":"x","max_output_tokens":0})", "max_output_tokens"},
  };
  for (const Case& one : cases) {
    const auto refused = parse(one.body);
    ASSERT_FALSE(refused) << one.body;
    EXPECT_EQ(refused.error().path, one.path) << one.body;
  }
}

TEST(SimResponses, ErrorsInAStreamAreEvents) {
  const std::string frame = write_error_frame(
      Shape::openai,
      {.status = 503, .message = "Overloaded.", .request_id = "r", .event_number = 4});
  constexpr std::string_view kHead = "event: error\ndata: ";
  ASSERT_TRUE(frame.starts_with(kHead)) << frame;
  const auto json = codec::parse_json(std::string_view(frame).substr(kHead.size()));
  ASSERT_TRUE(json) << frame;
  EXPECT_EQ((*json)["type"], "error");
  EXPECT_EQ((*json)["sequence_number"], 4);
  EXPECT_EQ((*json)["code"], "overloaded");
  EXPECT_EQ((*json)["error"]["message"], "Overloaded.");
}

}  // namespace
}  // namespace cordon::sim
