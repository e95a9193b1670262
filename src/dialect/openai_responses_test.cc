// How requests and answers of the Responses API are read.
#include "dialect/openai_responses.h"

#include "dialect/protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace cordon::dialect::openai {
namespace {

/// `role:text` of each, a bar between groups.
std::string texts_of(const Request& request) {
  std::string all;
  const RequestText* before = nullptr;
  for (const RequestText& text : request.texts()) {
    if (before != nullptr) all += before->group == text.group ? "+" : "|";
    const bool same = before != nullptr && before->group == text.group;
    if (!same) all += std::string(to_string(text.role)) + ":";
    all += text.text();
    before = &text;
  }
  return all;
}

TEST(ResponsesRequest, FindsEveryTextWhoSaysItAndWhichAreOne) {
  struct Case {
    std::string members;
    std::string texts;
    std::uint32_t parts = 0;
  };
  const Case cases[] = {
      {R"("input":"a")", "user:a"},
      {R"("instructions":"be kind","input":"a")", "system:be kind|user:a"},
      {R"("input":[],"instructions":null)", ""},
      {R"("input":[{"role":"user","content":"a"},{"type":"message","role":"developer",)"
       R"("content":"b"}])",
       "user:a|system:b"},
      {R"("input":[{"role":"user","content":[{"type":"input_text","text":"a"},)"
       R"({"type":"input_image","image_url":"data:x"},{"type":"input_text","text":"b"},)"
       R"({"type":"input_file","file_data":"x","filename":"f"},{"type":"input_audio"}]}])",
       "user:a+b", 3},
      {R"("input":[{"role":"assistant","id":"m","status":"completed","content":[)"
       R"({"type":"output_text","text":"a","annotations":[{"type":"url_citation","title":"t"}]},)"
       R"({"type":"refusal","refusal":"no"}]}])",
       "assistant:a+no|assistant:t"},
      {R"("input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},)"
       R"({"type":"function_call_output","call_id":"c","output":"x"},)"
       R"({"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"y"},)"
       R"({"type":"input_image","image_url":"u"}]}])",
       "assistant:{}|tool:x|tool:y", 1},
      {R"("input":[{"type":"custom_tool_call","input":"i"},{"type":"custom_tool_call_output",)"
       R"("output":"o"}])",
       "assistant:i|tool:o"},
      {R"("input":[{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"s"}],)"
       R"("content":[{"type":"reasoning_text","text":"t"}],"encrypted_content":"gAAA"}])",
       "assistant:s|assistant:t"},
      {R"("input":[{"type":"mcp_call","id":"m","server_label":"l","name":"n","arguments":"a",)"
       R"("output":"o"}])",
       "tool:a|tool:o"},
      {R"("input":[{"type":"local_shell_call_output","id":"m","output":"o"}])", "tool:o"},
      {R"("input":[{"type":"image_generation_call","id":"m","result":"AAAA",)"
       R"("revised_prompt":"p"}])",
       "assistant:p", 1},
      {R"("input":[{"type":"not_known","x":{"y":["a"]}},{"role":"user","content":[)"
       R"({"type":"not_known_either","z":"b","annotations":["c"]}]}])",
       "assistant:a|user:b|user:c"},
  };
  ResponsesRequest request;
  for (const Case& one : cases) {
    const std::string body = R"({"model":"m",)" + one.members + "}";
    const auto parsed = request.parse(body);
    ASSERT_TRUE(parsed) << body << parsed.error().message;
    EXPECT_EQ(texts_of(request), one.texts) << body;
    EXPECT_EQ(request.parts_without_text(), one.parts) << body;
    EXPECT_EQ(request.unread_param(), "") << body;
  }
}

TEST(ResponsesRequest, NamesWhatBringsInTextThatIsNotThere) {
  struct Case {
    std::string members;
    std::string param;
  };
  const Case cases[] = {
      {R"("input":"a","previous_response_id":"resp_1")", "previous_response_id"},
      {R"("previous_response_id":"resp_1")", "previous_response_id"},
      {R"("input":"a","conversation":{"id":"conv_1"})", "conversation"},
      {R"("input":"a","conversation":"conv_1")", "conversation"},
      {R"("prompt":{"id":"pmpt_1","variables":{"x":"y"}})", "prompt"},
      {R"("input":"a","store":true)", "store"},
      {R"("input":"a","store":"yes")", "store"},
      {R"("input":"a","background":true)", "background"},
      {R"("input":["b",{"type":"item_reference","id":"i"}])", ""},
      {R"("input":[{"role":"user","content":"b"},{"type":"item_reference","id":"i"}])", "input[1]"},
      {R"("input":"a","store":false,"background":false,"prompt":null,"conversation":null)", ""},
  };
  ResponsesRequest request;
  for (const Case& one : cases) {
    const std::string body = R"({"model":"m",)" + one.members + "}";
    if (one.members.find("[\"b\"") != std::string::npos) {
      EXPECT_FALSE(request.parse(body));
      continue;
    }
    ASSERT_TRUE(request.parse(body)) << body;
    EXPECT_EQ(request.unread_param(), one.param) << body;
    EXPECT_NE(request.unread_advice(), one.param.empty() ? "" : Request::kSendText) << body;
  }
}

TEST(ResponsesRequest, RefusesByName) {
  struct Case {
    std::string members;
    std::string param;
    std::string code;
  };
  const Case cases[] = {
      {R"("x":1)", "input", "missing_required_parameter"},
      {R"("store":true)", "input", "missing_required_parameter"},
      {R"("input":5)", "input", "invalid_type"},
      {R"("input":[5])", "input[0]", "invalid_type"},
      {R"("input":"a","instructions":["b"])", "instructions", "invalid_type"},
      {R"("input":[{"type":5}])", "input[0].type", "invalid_type"},
      {R"("input":[{"content":"a"}])", "input[0].role", "missing_required_parameter"},
      {R"("input":[{"role":"user"}])", "input[0].content", "missing_required_parameter"},
      {R"("input":[{"role":"user","content":5}])", "input[0].content", "invalid_type"},
      {R"("input":[{"role":"user","content":["a"]}])", "input[0].content[0]", "invalid_type"},
      {R"("input":[{"role":"user","content":[{"text":"a"}]}])", "input[0].content[0].type",
       "missing_required_parameter"},
      {R"("input":[{"role":"user","content":[{"type":"input_text"}]}])", "input[0].content[0].text",
       "missing_required_parameter"},
      {R"("input":[{"role":"user","content":[{"type":"input_text","text":[]}]}])",
       "input[0].content[0].text", "invalid_type"},
      {R"("input":[{"type":"function_call","arguments":{}}])", "input[0].arguments",
       "invalid_type"},
      {R"("input":[{"type":"function_call_output","call_id":"c"}])", "input[0].output",
       "missing_required_parameter"},
      {R"("input":[{"type":"function_call_output","output":5}])", "input[0].output",
       "invalid_type"},
      {R"("input":"a","stream":1)", "stream", "invalid_type"},
      {R"("input":"a","input":"b")", "", "invalid_json"},
  };
  ResponsesRequest request;
  for (const Case& one : cases) {
    const std::string body = R"({"model":"m",)" + one.members + "}";
    const auto parsed = request.parse(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().param, one.param) << body;
    EXPECT_EQ(parsed.error().code, one.code) << body;
  }
}

TEST(ResponsesAnswer, FindsTheTextsOfEveryItemAndTheUsage) {
  ResponsesAnswer answer;
  ASSERT_TRUE(answer.parse(
      R"({"id":"r","instructions":"not the model's","output":[)"
      R"({"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"s"}],)"
      R"("content":[{"type":"reasoning_text","text":"t"}],"encrypted_content":"gAAA"},)"
      R"({"type":"message","id":"m","role":"assistant","status":"completed","content":[)"
      R"({"type":"output_text","text":"a","annotations":[{"title":"n"}],)"
      R"("logprobs":[{"token":"a"}]},)"
      R"({"type":"output_text","text":"b","annotations":[],"logprobs":[]},)"
      R"({"type":"refusal","refusal":"no"}]},)"
      R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}"},)"
      R"({"type":"code_interpreter_call","code":"1+1","outputs":[{"type":"logs","logs":"2"}]}],)"
      R"("usage":{"input_tokens":3,"output_tokens":5,"total_tokens":8}})"));
  std::vector<std::pair<Slot, std::string>> found;
  for (const SlotText& text : answer.texts()) found.emplace_back(text.slot, text.text());
  const std::vector<std::pair<Slot, std::string>> expected = {
      {{0, Field::summary_text, 0}, "s"},    {{0, Field::part_reasoning, 0}, "t"},
      {{1, Field::part_text, 0}, "a"},       {{1, Field::item_part, 0}, "n"},
      {{1, Field::part_text, 1}, "b"},       {{1, Field::part_refusal, 2}, "no"},
      {{2, Field::call_arguments, 0}, "{}"}, {{3, Field::call_code, 0}, "1+1"},
      {{3, Field::item_part, 0}, "2"}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(answer.usage().in, 3U);
  EXPECT_EQ(answer.usage().out, 5U);
  ASSERT_EQ(answer.echoes().size(), 1U) << "an empty one spells nothing";
  EXPECT_EQ(emptied(answer.echoes()[0]).text, "[]");
  EXPECT_TRUE(answer.parse(R"({"output":[]})"));
  EXPECT_FALSE(answer.usage().is_known());
  for (const char* bad :
       {"", "[]", "{}", R"({"output":{}})", R"({"output":[5]})",
        R"({"output":[{"type":"message","content":[5]}]})",
        R"({"output":[{"type":"message","content":[{"type":"output_text","text":5}]}]})",
        R"({"output":[],"output":[]})"}) {
    EXPECT_FALSE(answer.parse(bad)) << bad;
  }
}

TEST(ResponsesError, SaysTheSameInTheEventAndInItsError) {
  std::string frame;
  ErrorDetail detail;
  detail.decision_id = "d1";
  detail.event_number = 7;
  protocol_of(Surface::responses).append_error_frame(frame, Problem::switched_off, detail);
  constexpr std::string_view kHead = "event: error\ndata: ";
  ASSERT_TRUE(frame.starts_with(kHead) && frame.ends_with("\n\n")) << frame;
  codec::JsonIndex index;
  ASSERT_TRUE(index.parse(std::string_view(frame).substr(kHead.size()))) << frame;
  const codec::JsonValue root = index.root();
  EXPECT_EQ(root.find("type").text(), "error");
  EXPECT_EQ(root.find("sequence_number").integer(), 7);
  for (const codec::JsonValue& where : {root, root.find("error")}) {
    EXPECT_EQ(where.find("code").text(), "switched_off");
    EXPECT_FALSE(where.find("message").text().empty());
    EXPECT_TRUE(where.find("param").is_null());
  }
  EXPECT_EQ(root.find("error").find("cordon").find("decision_id").text(), "d1");
}

}  // namespace
}  // namespace cordon::dialect::openai
