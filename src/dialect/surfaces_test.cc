// Which surfaces there are, and how the smaller ones read and write.
#include "dialect/openai_answer.h"
#include "dialect/openai_moderation.h"
#include "dialect/openai_request.h"
#include "dialect/protocol.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace cordon::dialect {
namespace {

using openai::InputRequest;

/// `group:text` of each, a bar between groups.
std::string texts_of(const Request& request) {
  std::string all;
  const RequestText* before = nullptr;
  for (const RequestText& text : request.texts()) {
    if (before != nullptr) all += before->group == text.group ? "+" : "|";
    all += text.text();
    before = &text;
  }
  return all;
}

TEST(Surfaces, AreEachFoundAtTheirPathAndNowhereElse) {
  std::set<std::string_view> paths;
  for (std::size_t i = 0; i < kSurfaceCount; ++i) {
    const auto surface = static_cast<Surface>(i);
    const Protocol& protocol = protocol_of(surface);
    EXPECT_EQ(protocol.surface(), surface);
    EXPECT_EQ(protocol_at(protocol.gateway_path()), &protocol);
    const bool decides = protocol.answered_by() == AnsweredBy::decision;
    EXPECT_TRUE(decides ||
                protocol.gateway_path() == "/v1" + std::string(protocol.upstream_path()));
    EXPECT_EQ(protocol.make_request()->as_callout() != nullptr, decides);
    EXPECT_TRUE(paths.insert(protocol.gateway_path()).second);
    EXPECT_EQ(protocol.make_answer() != nullptr, protocol.answered_by() == AnsweredBy::provider);
    EXPECT_EQ(protocol.make_event() == nullptr, protocol.make_writer({}) == nullptr);
    const bool main = &protocol == &protocol_of(protocol.dialect());
    EXPECT_EQ(protocol.surface_name().empty(), main);
  }
  for (const char* other : {"", "/", "/v1/messages/", "/v1/completions/x", "/v1/chat"}) {
    EXPECT_EQ(protocol_at(other), nullptr) << other;
  }
}

TEST(InputRequest, FindsEveryTextAndWhichAreOne) {
  struct Case {
    InputRequest::Of of;
    std::string body;
    std::string texts;
    std::string unread;
  };
  using Of = InputRequest::Of;
  const Case cases[] = {
      {Of::embedding, R"({"model":"m","input":"a"})", "a", ""},
      {Of::embedding, R"({"model":"m","input":["a","b"]})", "a|b", ""},
      {Of::embedding, R"({"model":"m","input":[1,2.5]})", "", "input"},
      {Of::embedding, R"({"model":"m","input":[[1],[2,3]],"stream":true})", "", "input"},
      {Of::embedding, R"({"model":"m","input":["a",[1]]})", "a", "input"},
      {Of::completion, R"({"model":"m"})", "", ""},
      {Of::completion, R"({"model":"m","prompt":null,"suffix":null})", "", ""},
      {Of::completion, R"({"suffix":"s","model":"m","prompt":["a","b"]})", "s|a|b", ""},
      {Of::completion, R"({"model":"m","prompt":[5]})", "", "prompt"},
      {Of::moderation, R"({"input":"a"})", "a", ""},
      {Of::moderation, R"({"model":null,"input":["a","b"]})", "a|b", ""},
      {Of::moderation, R"({"input":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})",
       "a+b", ""},
      {Of::moderation, R"({"input":[{"type":"text","text":"a"},{"type":"image_url"}]})", "a",
       "input[1]"},
  };
  for (const Case& one : cases) {
    InputRequest request(one.of);
    const auto parsed = request.parse(one.body);
    ASSERT_TRUE(parsed) << one.body << parsed.error().message;
    EXPECT_EQ(texts_of(request), one.texts) << one.body;
    EXPECT_EQ(request.unread_param(), one.unread) << one.body;
    EXPECT_FALSE(request.stream());
    EXPECT_EQ(request.model(),
              one.body.find(R"("m")") == std::string::npos ? "omni-moderation-latest" : "m");
  }
  InputRequest again(Of::embedding);
  ASSERT_TRUE(again.parse(R"({"model":"m","input":[1]})"));
  ASSERT_TRUE(again.parse(R"({"model":"m","input":"a"})"));
  EXPECT_EQ(again.unread_param(), "") << "of the last body, not of one before";
}

TEST(InputRequest, StreamsOnlyWhatCanStream) {
  InputRequest request(InputRequest::Of::completion);
  ASSERT_TRUE(request.parse(
      R"({"model":"m","prompt":"a","stream":true,"stream_options":{"include_usage":true}})"));
  EXPECT_TRUE(request.stream());
  EXPECT_TRUE(request.include_usage());
  const auto refused = request.parse(R"({"model":"m","prompt":"a","stream":1})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "stream");
}

TEST(CompletionChunks, ReadBackAsTheSlotTheyFill) {
  const Protocol& protocol = protocol_of(Surface::completions);
  const auto chunk = protocol.make_event();
  const auto writer = protocol.make_writer({.include_usage = true});
  ASSERT_TRUE(chunk->parse("", R"({"id":"cmpl-1","object":"text_completion","choices":[)"
                               R"({"index":1,"text":"a","finish_reason":null}]})"));
  ASSERT_EQ(chunk->texts().size(), 1U);
  const Slot slot = chunk->texts()[0].slot;
  EXPECT_EQ(slot, (Slot{1, Field::completion_text, 0}));
  writer->learn(*chunk);
  std::string out;
  writer->append_text(out, slot, "b\"\n");
  ASSERT_TRUE(chunk->parse("", std::string_view(out).substr(6, out.size() - 8))) << out;
  EXPECT_EQ(chunk->texts()[0].slot, slot);
  EXPECT_EQ(chunk->texts()[0].text(), "b\"\n");
  EXPECT_EQ(chunk->root().find("object").text(), "text_completion");
  EXPECT_TRUE(chunk->root().find("usage").is_null());
  ASSERT_TRUE(chunk->parse("", R"({"choices":[{"index":0,"text":"","finish_reason":"stop"}]})"));
  writer->learn(*chunk);
  writer->note_passed(*chunk);
  out.clear();
  writer->append_block_end(out);
  writer->append_terminal(out);
  const std::string head = R"(data: {"id":"cmpl-1","object":"text_completion",)";
  EXPECT_EQ(out, head +
                     R"("choices":[{"index":1,"text":"","logprobs":null,)"
                     R"("finish_reason":"content_filter"}],"usage":null})"
                     "\n\n" +
                     head + R"("choices":[],"usage":null})" + "\n\ndata: [DONE]\n\n");
  EXPECT_FALSE(chunk->parse("", R"({"choices":[{"index":0,"text":5}]})")) << "not to be inspected";
  EXPECT_FALSE(chunk->parse("", R"({"choices":[{"index":0,"delta":{"content":"a"}}]})"))
      << "a text where none is looked for";
}

TEST(SmallAnswers, AreReadOrRefused) {
  const auto vectors = protocol_of(Surface::embeddings).make_answer();
  ASSERT_TRUE(vectors->parse(R"({"data":[{"embedding":[1,2]}],"usage":{"prompt_tokens":3}})"));
  EXPECT_TRUE(vectors->texts().empty());
  EXPECT_EQ(vectors->usage().in, 3U);
  EXPECT_EQ(vectors->usage().out, std::nullopt);
  for (const char* bad : {"", "{", "[]", R"({"data":5})", R"({"data":[],"data":[]})"}) {
    EXPECT_FALSE(vectors->parse(bad)) << bad;
  }
  codec::JsonIndexLimits few;
  few.values_max = 3;
  EXPECT_TRUE(vectors->parse(R"({"data":[1,2,3,4,5]})", few)) << "nobody reads text in it";
  EXPECT_FALSE(vectors->usage().is_known());
  EXPECT_FALSE(protocol_of(Surface::completions)
                   .make_answer()
                   ->parse(R"({"choices":[{"text":"a"},{"text":"b"}]})", few));
  const auto count = protocol_of(Surface::count_tokens).make_answer();
  EXPECT_TRUE(count->parse(R"({"input_tokens":5})"));
  EXPECT_FALSE(count->usage().is_known()) << "counted, and not used";
  for (const char* bad : {"{}", R"({"input_tokens":"5"})", "[]"}) {
    EXPECT_FALSE(count->parse(bad)) << bad;
  }
}

TEST(Moderation, HasEveryCategoryOfOpenAiAndOurs) {
  openai::Moderated found;
  found.classes[static_cast<std::size_t>(model::IncidentClass::unsafe_output)] = true;
  found.rules = {"a.\"b"};
  const openai::Moderated results[] = {{}, found};
  std::string out;
  openai::append_moderation(out, "modr-1", "m", results);
  codec::JsonIndex index;
  ASSERT_TRUE(index.parse(out)) << out;
  const codec::JsonValue fine = index.root().find("results").first();
  const codec::JsonValue flagged = fine.next();
  EXPECT_FALSE(*fine.find("flagged").boolean());
  EXPECT_TRUE(*flagged.find("flagged").boolean());
  EXPECT_EQ(flagged.find("cordon").find("rules").first().text(), "a.\"b");
  for (const char* key : {"categories", "category_scores", "category_applied_input_types"}) {
    EXPECT_EQ(flagged.find(key).size(), 13U + model::kIncidentClassCount) << key;
  }
  std::size_t set = 0;
  for (auto one = flagged.find("categories").first(); one; one = one.next()) {
    set += *one.boolean() ? 1U : 0U;
  }
  EXPECT_EQ(set, 2U) << "`illicit` and `unsafe_output`";
}

}  // namespace
}  // namespace cordon::dialect
