// Both ways between chat completions and messages: streams.
#include "dialect/anthropic_answer.h"
#include "dialect/openai_answer.h"
#include "dialect/translation.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace cordon::dialect {
namespace {

std::string event(std::string_view type, std::string_view members = "") {
  std::string out;
  append_frame(out, type, R"({"type":")" + std::string(type) + "\"" + std::string(members) + "}");
  return out;
}
std::string unnamed(std::string_view json) {
  std::string out;
  append_frame(out, "", json);
  return out;
}
std::string chunk(std::string_view delta, std::string_view finish = "null") {
  return unnamed(R"({"id":"c","model":"g","choices":[{"index":0,"delta":)" + std::string(delta) +
                 R"(,"finish_reason":)" + std::string(finish) + "}]}");
}

const std::string kMessageStream =
    event("message_start", R"(,"message":{"id":"msg_1","model":"c","content":[],)"
                           R"("usage":{"input_tokens":3,"output_tokens":1}})") +
    event("ping") +
    event("content_block_start",
          R"(,"index":0,"content_block":{"type":"thinking","thinking":""})") +
    event("content_block_delta",
          R"(,"index":0,"delta":{"type":"thinking_delta","thinking":"hm"})") +
    event("content_block_delta",
          R"(,"index":0,"delta":{"type":"signature_delta","signature":"s"})") +
    event("content_block_stop", R"(,"index":0)") +
    event("content_block_start", R"(,"index":1,"content_block":{"type":"text","text":""})") +
    event("content_block_delta", R"(,"index":1,"delta":{"type":"text_delta","text":"h\u00e9"})") +
    event("content_block_delta", R"(,"index":1,"delta":{"type":"text_delta","text":"y"})") +
    event("content_block_stop", R"(,"index":1)") +
    event("content_block_start",
          R"(,"index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}})") +
    event("content_block_delta",
          R"(,"index":2,"delta":{"type":"input_json_delta","partial_json":""})") +
    event("content_block_delta",
          R"(,"index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"})") +
    event("content_block_stop", R"(,"index":2)") +
    event("content_block_start",
          R"(,"index":3,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{}})") +
    event("content_block_stop", R"(,"index":3)") +
    event("message_delta", R"(,"delta":{"stop_reason":"tool_use","stop_sequence":null},)"
                           R"("usage":{"output_tokens":9})") +
    event("message_stop");

const std::string kChunkStream =
    unnamed(R"({"id":"c","model":"g","choices":[],"prompt_filter_results":[]})") +
    chunk(R"({"role":"assistant","content":"","refusal":null})") + chunk(R"({"content":"hé"})") +
    chunk(R"({"content":"y"})") +
    chunk(R"({"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f",)"
          R"("arguments":""}}]})") +
    chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]})") +
    chunk(R"({"tool_calls":[{"index":1,"id":"t2","type":"function","function":{"name":"g",)"
          R"("arguments":""}}]})") +
    chunk("{}", R"("tool_calls")") +
    unnamed(R"({"id":"c","model":"g","choices":[],"usage":{"prompt_tokens":7,)"
            R"("completion_tokens":9,"prompt_tokens_details":{"cached_tokens":4}}})") +
    unnamed("[DONE]");

/// All frames of a stream that comes in these pieces; empty if it was refused.
std::string translated(Surface surface, std::string_view stream, std::size_t cut = 0) {
  const auto translator = StreamTranslator::make(surface, {.include_usage = true}, 7);
  std::string out;
  if (!translator->feed(stream.substr(0, cut), out)) return {};
  if (!translator->feed(stream.substr(cut), out)) return {};
  return out;
}

/// What the caller's own parser reads: kinds and texts, by slot.
template <class Event>
std::map<Slot, std::string> read_by(std::string_view frames, std::vector<EventKind>& kinds) {
  std::map<Slot, std::string> texts;
  codec::SseFramer framer;
  framer.feed(frames);
  Event read;
  while (true) {
    const auto frame = framer.next();
    EXPECT_TRUE(frame);
    if (!frame || !*frame) break;
    EXPECT_TRUE(read.parse((*frame)->name, (*frame)->data)) << (*frame)->data;
    kinds.push_back(read.kind());
    for (const SlotText& text : read.texts()) texts[text.slot] += text.text();
  }
  EXPECT_TRUE(framer.rest().empty());
  return texts;
}

TEST(TranslatedStream, StreamsAMessageAsChunks) {
  const std::string out = translated(Surface::chat, kMessageStream);
  std::vector<EventKind> kinds;
  const auto texts = read_by<openai::StreamChunk>(out, kinds);
  ASSERT_FALSE(kinds.empty());
  EXPECT_EQ(kinds.back(), EventKind::done);
  EXPECT_EQ(texts.at({0, Field::content, 0}), "h\xC3\xA9y");
  EXPECT_EQ(texts.at({0, Field::reasoning_content, 0}), "hm");
  EXPECT_EQ(texts.at({0, Field::tool_arguments, 0}), R"({"a":1})");
  EXPECT_EQ(texts.at({0, Field::tool_arguments, 1}), "{}") << "no bytes are no JSON";
  EXPECT_NE(out.find(R"("finish_reason":"tool_calls")"), out.npos);
  EXPECT_NE(out.find(R"("choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9,)"),
            out.npos);
  EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
}

TEST(TranslatedStream, StreamsChunksAsAMessage) {
  const std::string out = translated(Surface::messages, kChunkStream);
  std::vector<EventKind> kinds;
  const auto texts = read_by<anthropic::MessageEvent>(out, kinds);
  ASSERT_FALSE(kinds.empty());
  EXPECT_EQ(kinds.back(), EventKind::done);
  EXPECT_EQ(texts.at({0, Field::block_text, 0}), "h\xC3\xA9y");
  EXPECT_EQ(texts.at({1, Field::block_input, 0}), R"({"a":1})");
  std::vector<std::string> order;
  std::size_t at = 0;
  while ((at = out.find("event: ", at)) != out.npos) {
    at += 7;
    order.push_back(out.substr(at, out.find('\n', at) - at));
  }
  const std::vector<std::string> expected = {
      "message_start",       "content_block_start", "content_block_delta", "content_block_delta",
      "content_block_stop",  "content_block_start", "content_block_delta", "content_block_stop",
      "content_block_start", "content_block_stop",  "message_delta",       "message_stop"};
  EXPECT_EQ(order, expected);
  EXPECT_NE(out.find(R"("delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":)"
                     R"({"input_tokens":3,"output_tokens":9,"cache_read_input_tokens":4})"),
            out.npos)
      << out;
}

TEST(TranslatedStream, GivesTheSameFramesHoweverAStreamIsCut) {
  for (const auto& [surface, stream] :
       {std::pair{Surface::chat, &kMessageStream}, {Surface::messages, &kChunkStream}}) {
    const std::string whole = translated(surface, *stream);
    ASSERT_FALSE(whole.empty());
    for (std::size_t cut = 1; cut < stream->size(); ++cut) {
      ASSERT_EQ(translated(surface, *stream, cut), whole) << "cut at byte " << cut;
    }
  }
}

TEST(TranslatedStream, TellsEachEventAsSoonAsItIsWhole) {
  for (const auto& [surface, stream, text] :
       {std::tuple{Surface::chat, &kMessageStream, "h\xC3\xA9"},
        {Surface::messages, &kChunkStream, "h\xC3\xA9"}}) {
    const auto translator = StreamTranslator::make(surface, {}, 0);
    const std::size_t second = stream->find(R"("y")");
    std::string out;
    ASSERT_TRUE(translator->feed(std::string_view(*stream).substr(0, second), out));
    EXPECT_NE(out.find(text), out.npos) << out;
  }
}

TEST(TranslatedStream, CountsWhatTheProviderToldAlsoWhereTheCallerDidNotAsk) {
  const auto chunks = StreamTranslator::make(Surface::chat, {}, 0);
  std::string out;
  ASSERT_TRUE(chunks->feed(kMessageStream, out));
  EXPECT_EQ(out.find("usage"), out.npos) << "not asked for";
  EXPECT_EQ(chunks->usage().in, 3U);
  EXPECT_EQ(chunks->usage().out, 9U);
  EXPECT_FALSE(chunks->usage().unfinished);
  const auto events = StreamTranslator::make(Surface::messages, {}, 0);
  ASSERT_TRUE(events->feed(chunk(R"({"content":"x"})"), out));
  EXPECT_FALSE(events->usage().is_known()) << "the zeros of message_start are nobody's count";
  ASSERT_TRUE(events->feed(kChunkStream, out));
  EXPECT_EQ(events->usage().in, 7U);
  EXPECT_EQ(events->usage().cached, 4U);
}

TEST(TranslatedStream, RefusesStreamsThatHaveNoEqual) {
  const std::string start = event("message_start", R"(,"message":{"id":"m","content":[]})");
  const std::string text =
      event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})");
  for (const std::string& stream : std::vector<std::string>{
           event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})"),
           start + start,
           start + text + text,
           start + event("content_block_start",
                         R"(,"index":0,"content_block":{"type":"server_tool_use"})"),
           start + event("content_block_delta",
                         R"(,"index":0,"delta":{"type":"text_delta","text":"x"})"),
           start + text +
               event("content_block_delta", R"(,"index":0,"delta":{"type":"citations_delta"})"),
           start + text +
               event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":1})"),
           start + event("content_block_stop", R"(,"index":0)"),
           start + event("message_delta", R"(,"delta":{"stop_reason":"pause_turn"})"),
           start + event("message_stop"),
           start + event("brand_new"),
           "data: {\"type\"\n\n",
       }) {
    EXPECT_EQ(translated(Surface::chat, stream), "") << stream;
  }
  const auto call = [](int index, std::string_view function) {
    return chunk(R"({"tool_calls":[{"index":)" + std::to_string(index) +
                 R"(,"id":"t","function":)" + std::string(function) + "}]}");
  };
  for (const std::string& stream : std::vector<std::string>{
           unnamed("[DONE]"),
           chunk(R"({"content":"x"})") + unnamed("[DONE]"),
           chunk(R"({"content":7})"),
           chunk(R"({"audio":{"id":"a"}})"),
           chunk("{}", R"("function_call")"),
           call(0, R"({"arguments":"{}"})"),
           call(1, R"({"name":"f"})"),
           call(0, R"({"name":"f"})") + call(1, R"({"name":"g"})") +
               call(0, R"({"arguments":"late"})"),
           unnamed(R"({"choices":[{"index":1,"delta":{"content":"x"}}]})"),
           unnamed("7"),
       }) {
    EXPECT_EQ(translated(Surface::messages, stream), "") << stream;
  }
}

TEST(TranslatedStream, TellsAnErrorEventAndNoProperEnd) {
  const std::string start = event("message_start", R"(,"message":{"id":"m","content":[]})");
  const std::string chunks =
      translated(Surface::chat,
                 start + event("error", R"(,"error":{"type":"overloaded_error","message":"o"})"));
  EXPECT_NE(chunks.find(R"(data: {"error":{"message":"o","type":"server_error")"), chunks.npos);
  EXPECT_EQ(chunks.find("[DONE]"), chunks.npos);
  const std::string events = translated(
      Surface::messages, chunk(R"({"content":"x"})") + unnamed(R"({"error":{"message":"o"}})"));
  EXPECT_NE(
      events.find("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\""),
      events.npos)
      << events;
  EXPECT_EQ(events.find("message_stop"), events.npos);
}

}  // namespace
}  // namespace cordon::dialect
