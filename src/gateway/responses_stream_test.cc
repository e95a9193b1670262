// Streams of the Responses API through the inspector: what was held or taken out of the pieces does
// not come back in the events that say the text again, and the events stay numbered.
#include "gateway/internal/inspection.h"
#include "gateway/internal/stream_inspector.h"
#include "policy/rulepack.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

namespace cordon::gateway {
namespace {

using codec::JsonValue;
using model::Action;

constexpr std::string_view kPack = R"(rulepack: unit
version: 1.0.0
rules:
  - id: u.card
    class: data_leakage
    data_kind: payment_card
    on: [request, response, reasoning, tool_arguments]
    match: {pattern: '\b\d(?:[ -]?\d){12,18}\b', validate: luhn}
    action: redact
    rationale: A payment card number.
    tests: {match: ['card 4111 1111 1111 1111'], pass: ['order 4111 1111 1111 1112']}
  - id: u.secret
    class: data_leakage
    on: [request, response, reasoning, tool_arguments]
    match: {pattern: 'SECRET-\d{6}'}
    action: block
    rationale: A secret.
    tests: {match: ['SECRET-000000'], pass: ['SECRET-']}
  - id: u.warn
    class: data_leakage
    on: [response]
    match: {pattern: 'WARN-\d{3}'}
    action: warn
    rationale: A word to count.
    tests: {match: ['WARN-000'], pass: ['WARN-']}
)";

std::shared_ptr<const policy::Engine> engine() {
  static const auto kEngine = [] {
    const auto pack = policy::Rulepack::parse(kPack, "unit.yaml");
    EXPECT_TRUE(pack) << pack.error().detail;
    const std::array packs{*pack};
    return *policy::Engine::compile(packs);
  }();
  return kEngine;
}

struct Relayed {
  std::string out;
  StreamState state = StreamState::open;
  Inspection result;
  std::uint64_t received = 0;
  std::optional<std::uint64_t> next_number;
};
Relayed run(std::string_view stream, std::size_t step,
            std::shared_ptr<const policy::Engine> with = engine()) {
  const dialect::Protocol& protocol = dialect::protocol_of(dialect::Surface::responses);
  StreamScratch scratch(protocol);
  Commitment matches;
  Commitment answer;
  const Hmac key{std::array<std::byte, 32>{}};
  answer.begin(key, "x", "resp");
  StreamContext context;
  context.protocol = &protocol;
  context.engine = with.get();
  context.commit = {&matches, &key, "x"};
  context.answer = &answer;
  context.scratch = &scratch;
  StreamInspector inspector(context);
  Relayed done;
  for (std::size_t at = 0; at < stream.size() && inspector.state() == StreamState::open;
       at += step) {
    inspector.feed(stream.substr(at, step), done.out);
    inspector.mark_delivered();
  }
  done.state = inspector.state();
  done.next_number = inspector.next_number();
  if (done.state == StreamState::blocked) inspector.append_block_end(done.out);
  if (done.state != StreamState::open) inspector.append_terminal(done.out);
  done.result = inspector.finish();
  done.received = inspector.received_bytes();
  return done;
}

std::string json_text(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}

/// A stream as OpenAI writes it: every text in pieces and then again in each event that ends it.
class Stream {
 public:
  Stream() {
    event("created", R"(,"response":{"id":"resp_1","status":"in_progress","output":[]})");
  }

  Stream& event(std::string_view type, std::string_view members) {
    bytes_ +=
        fmt::format("event: response.{}\ndata: {{\"type\":\"response.{}\"{},", type, type, members);
    bytes_ += fmt::format("\"sequence_number\":{}}}\n\n", number_++);
    return *this;
  }
  /// One item whose only text comes in these pieces.
  Stream& item(std::string_view kind, const std::vector<std::string>& pieces) {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    const bool call = kind == "function_call_arguments";
    const bool summary = kind == "reasoning_summary_text";
    const std::string place = fmt::format(R"(,"item_id":"i{}","output_index":{}{})", index_, index_,
                                          call      ? ""
                                          : summary ? R"(,"summary_index":0)"
                                                    : R"(,"content_index":0)");
    event("output_item.added",
          fmt::format(R"(,"output_index":{},"item":{})", index_, write(kind, "", "in_progress")));
    if (!call) event(part_event(kind) + ".added", place + ",\"part\":" + part(kind, ""));
    for (const std::string& piece : pieces) {
      event(std::string(kind) + ".delta", place + ",\"delta\":" + json_text(piece));
    }
    const std::string_view key = call ? "arguments" : kind == "refusal" ? "refusal" : "text";
    event(std::string(kind) + ".done", place + fmt::format(R"(,"{}":{})", key, json_text(all)));
    if (!call) event(part_event(kind) + ".done", place + ",\"part\":" + part(kind, all));
    const std::string item = write(kind, all, "completed");
    event("output_item.done", fmt::format(R"(,"output_index":{},"item":{})", index_++, item));
    output_ += (output_.empty() ? "" : ",") + item;
    return *this;
  }
  std::string end(std::string_view type = "completed") {
    event(type, fmt::format(R"(,"response":{{"id":"resp_1","status":"{}","output":[{}],)"
                            R"("usage":{{"input_tokens":3,"output_tokens":5}}}})",
                            type, output_));
    return bytes_;
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  static std::string part_event(std::string_view kind) {
    return kind == "reasoning_summary_text" ? "reasoning_summary_part" : "content_part";
  }
  static std::string part(std::string_view kind, std::string_view text) {
    const std::string_view type = kind == "reasoning_summary_text" ? "summary_text" : kind;
    return fmt::format(R"({{"type":"{}","{}":{}}})", type, kind == "refusal" ? "refusal" : "text",
                       json_text(text));
  }
  std::string write(std::string_view kind, std::string_view text, std::string_view status) const {
    if (kind == "function_call_arguments") {
      return fmt::format(R"({{"id":"i{}","type":"function_call","name":"f","arguments":{}}})",
                         index_, json_text(text));
    }
    const std::string parts = text.empty() ? "" : part(kind, text);
    if (kind == "reasoning_summary_text") {
      return fmt::format(R"({{"id":"i{}","type":"reasoning","summary":[{}]}})", index_, parts);
    }
    return fmt::format(R"({{"id":"i{}","type":"{}","status":"{}","content":[{}]}})", index_,
                       kind == "reasoning_text" ? "reasoning" : "message", status, parts);
  }

  std::string bytes_;
  std::string output_;
  int index_ = 0;
  int number_ = 0;
};

/// What a client reads: the pieces of each item joined, every text that was said again, the type of
/// the last event, and whether the numbers are 0, 1, 2...
struct Read {
  std::map<std::int64_t, std::string> pieces;
  std::map<std::int64_t, std::vector<std::string>> again;
  std::string last;
  bool dense = true;
};
Read read(std::string_view out) {
  codec::SseFramer framer(16 * 1024 * 1024);
  framer.feed(out);
  codec::JsonIndex index;
  const auto event = dialect::protocol_of(dialect::Surface::responses).make_event();
  Read all;
  std::int64_t number = 0;
  for (auto next = framer.next(); next && *next; next = framer.next()) {
    if (!(*next)->has_data) continue;
    EXPECT_TRUE(index.parse((*next)->data)) << (*next)->data;
    const JsonValue root = index.root();
    all.last = root.find("type").text();
    EXPECT_EQ(all.last, (*next)->name);
    all.dense = all.dense && root.find("sequence_number").integer() == number++;
    EXPECT_TRUE(event->parse((*next)->name, (*next)->data));
    for (const dialect::SlotText& text : event->texts()) {
      if (text.repeats) {
        all.again[text.slot.index].emplace_back(text.text());
      } else {
        all.pieces[text.slot.index] += text.text();
      }
    }
  }
  return all;
}

constexpr std::array<std::string_view, 5> kKinds = {"output_text", "refusal", "reasoning_text",
                                                    "reasoning_summary_text",
                                                    "function_call_arguments"};

TEST(ResponsesStream, SaysTheSameHoweverTheBytesAreCut) {
  Stream stream;
  for (const std::string_view kind : kKinds) {
    stream.item(kind, {"Card 4111 1111", " 1111 1111 is on ", "file."});
  }
  const std::string bytes = stream.end();
  const Relayed whole = run(bytes, bytes.size());
  EXPECT_EQ(whole.state, StreamState::done);
  EXPECT_EQ(whole.out.find("1111"), std::string::npos) << whole.out;
  const Read seen = read(whole.out);
  EXPECT_TRUE(seen.dense) << whole.out;
  EXPECT_EQ(seen.last, "response.completed");
  for (std::int64_t item = 0; item < std::ssize(kKinds); ++item) {
    EXPECT_EQ(seen.pieces.at(item), "Card [redacted:payment_card] is on file.") << item;
    EXPECT_EQ(seen.again.at(item).size(), item == 4 ? 3U : 4U);
    for (const std::string& again : seen.again.at(item)) EXPECT_EQ(again, seen.pieces.at(item));
  }
  ASSERT_EQ(whole.result.hits.size(), 1U);
  EXPECT_EQ(whole.result.hits[0].count, 5U) << "a text that is said again is counted once";
  EXPECT_EQ(whole.result.scanned.parts, 5U);
  EXPECT_EQ(whole.received, 5 * std::string_view("Card 4111 1111 1111 1111 is on file.").size());
  for (std::size_t step = 1; step < 48; ++step) {
    const Relayed pieces = run(bytes, step);
    EXPECT_EQ(pieces.out, whole.out) << step;
    EXPECT_EQ(pieces.result.hits[0].commit, whole.result.hits[0].commit);
  }
}

TEST(ResponsesStream, PassesByteForByteWhatNoRuleTouches) {
  Stream stream;
  stream.event("queued", R"(,"response":{"id":"resp_1","output":[]})");
  for (const std::string_view kind : kKinds) stream.item(kind, {"All ", "is \\u0077ell. "});
  for (const char* type : {"web_search_call.in_progress", "brand_new.delta", "audio.done"}) {
    stream.event(type, R"(,"output_index":9,"x":[1, 2e3],"delta":"fine")");
  }
  stream.event("output_text.annotation.added",
               R"(,"output_index":0,"annotation":{"type":"url_citation","title":"a title"})");
  for (const char* end : {"completed", "incomplete"}) {
    Stream copy = stream;
    const std::string bytes = ": ping\n\n" + copy.end(end) + "data: [DONE]\n\n";
    const Relayed off = run(bytes, 77, nullptr);
    EXPECT_EQ(off.state, StreamState::done);
    EXPECT_EQ(off.out + "data: [DONE]\n\n", bytes);
    const Relayed on = run(bytes, 77);
    EXPECT_EQ(on.state, StreamState::done);
    const Read seen = read(on.out);
    EXPECT_TRUE(seen.dense);
    for (const auto& [item, text] : seen.pieces) EXPECT_EQ(text, "All is \\u0077ell. ") << item;
  }
  Stream failed;
  failed.item("output_text", {"half"})
      .event("failed", R"(,"response":{"status":"failed","output":[],)"
                       R"("error":{"code":"server_error","message":"out of order"}})");
  const Relayed off = run(failed.bytes(), 10, nullptr);
  EXPECT_EQ(off.state, StreamState::failed);
  EXPECT_EQ(off.out, failed.bytes());
}

TEST(ResponsesStream, BlocksAtEveryCutAndLetsNothingOutAfterwards) {
  const std::string words = "xxxx SECRET-123456 yyyy";
  for (const std::string_view kind : kKinds) {
    for (std::size_t cut = 0; cut <= words.size(); ++cut) {
      Stream stream;
      const std::string bytes = stream.item("output_text", {"before"})
                                    .item(kind, {words.substr(0, cut), words.substr(cut), "later"})
                                    .end();
      const Relayed blocked = run(bytes, bytes.size());
      ASSERT_EQ(blocked.state, StreamState::blocked) << kind << cut;
      EXPECT_EQ(blocked.out.find("SECRET"), std::string::npos) << blocked.out;
      EXPECT_EQ(blocked.out.find("later"), std::string::npos) << blocked.out;
      EXPECT_EQ(blocked.result.blocked.rule, "u.secret");
      const Read seen = read(blocked.out);
      EXPECT_TRUE(seen.dense) << blocked.out;
      EXPECT_EQ(seen.last, "response.incomplete");
      for (const std::string& again : seen.again.at(0)) EXPECT_EQ(again, "before");
      EXPECT_NE(blocked.out.find(R"("incomplete_details":{"reason":"content_filter"})"),
                std::string::npos);
      EXPECT_NE(blocked.out.find(R"("usage":{"input_tokens":1,)"), std::string::npos)
          << "the AI SDK overlooks an end without one: " << blocked.out;
      const bool message = kind == "output_text" || kind == "refusal";
      EXPECT_EQ(seen.again.contains(1), message && seen.pieces.contains(1))
          << "half a call or a thought is not said again: " << blocked.out;
      if (!seen.again.contains(1)) continue;
      EXPECT_EQ(seen.again.at(1).size(), 4U) << "text, part, item, response";
      for (const std::string& again : seen.again.at(1)) EXPECT_EQ(again, seen.pieces.at(1));
    }
  }
}

// A rule that only warns lost comments, retry and id fields, as one that redacts has to.
TEST(ResponsesStream, KeepsCommentsAndOddSpellingWhereNoRuleMayChangeAnything) {
  constexpr std::string_view kWarns = R"(rulepack: unit
version: 1.0.0
rules:
  - id: u.warn
    class: data_leakage
    on: [response, reasoning, tool_arguments]
    match: {pattern: 'WARN-\d{3}'}
    action: warn
    emergency: warn
    rationale: A word to count.
    tests: {match: ['WARN-000'], pass: ['WARN-']}
)";
  const auto pack = policy::Rulepack::parse(kWarns, "unit.yaml");
  ASSERT_TRUE(pack) << pack.error().detail;
  const std::array packs{*pack};
  const auto warns = policy::Engine::compile(packs);
  ASSERT_TRUE(warns);
  Stream stream;
  const std::string odd = ": a comment\n\nretry: 3000\n\nid: 7\r\n" +
                          stream.item("output_text", {"say WARN-123"}).end();
  EXPECT_EQ(run(odd, 7, *warns).out, odd);
  const std::string changed = run(odd, 7).out;
  EXPECT_EQ(changed.find("a comment"), std::string::npos) << "a rule that redacts is in force";
}

TEST(ResponsesStream, LetsWhatATextStillHoldsOutBeforeItsEnd) {
  Stream open;
  open.event("output_item.added", R"(,"output_index":0,"item":{"id":"i0","type":"message"})")
      .event("output_text.delta", R"(,"output_index":0,"content_index":0,"delta":"tail SECR")");
  EXPECT_EQ(run(open.bytes(), 1000).out.find("SECR"), std::string::npos);
  for (const std::string_view kind : kKinds) {
    Stream stream;
    const Relayed closed = run(stream.item(kind, {"tail SECR"}).end(), 1000);
    const Read seen = read(closed.out);
    EXPECT_EQ(seen.pieces.at(0), "tail SECR");
    EXPECT_TRUE(seen.dense) << closed.out;
    const std::size_t held = closed.out.find("SECR\"");
    ASSERT_NE(held, std::string::npos) << closed.out;
    EXPECT_LT(held, closed.out.find(".done"));
  }
}

// A provider need not send pieces, and need not say again what it sent.
TEST(ResponsesStream, InspectsWhatOnlyTheLaterEventsSay) {
  const std::string message =
      R"({"id":"i0","type":"message","content":[{"type":"output_text","text":"TEXT"}]})";
  const std::vector<std::pair<std::string, std::string>> places = {
      {"output_text.done", R"(,"output_index":0,"content_index":0,"text":"TEXT")"},
      {"content_part.added", R"(,"output_index":0,"part":{"type":"output_text","text":"TEXT"})"},
      {"content_part.done", R"(,"output_index":0,"part":{"type":"refusal","refusal":"TEXT"})"},
      {"output_item.added", R"(,"output_index":0,"item":)" + message},
      {"output_item.done", R"(,"output_index":0,"item":)" + message},
      {"output_item.done", R"(,"output_index":0,"item":{"type":"web_search_call",)"
                           R"("action":{"query":"TEXT"}})"},
      {"output_item.done", R"(,"output_index":0,"item":{"type":"not_known","x":[["TEXT"]]})"},
      {"output_text.annotation.added", R"(,"output_index":0,"annotation":{"title":"TEXT"})"},
      {"brand_new.delta", R"(,"delta":"TEXT")"},
      {"brand_new.thing", R"(,"item":)" + message},
      {"in_progress", R"(,"response":{"output":[)" + message + "]}"},
      {"completed", R"(,"response":{"output":[)" + message + "]}"},
      {"incomplete", R"(,"response":{"output":[],"output_text":"TEXT"})"},
      {"failed", R"(,"response":{"output":[],"error":{"code":"x","message":"TEXT"}})"},
  };
  for (const auto& [type, members] : places) {
    const auto with = [&](std::string_view text) {
      std::string filled = members;
      filled.replace(filled.find("TEXT"), 4, text);
      Stream stream;
      stream.item("output_text", {"before"});
      return run(stream.event(type, filled).end(), 4096);
    };
    const Relayed blocked = with("a SECRET-123456");
    EXPECT_EQ(blocked.state, StreamState::blocked) << type << members;
    EXPECT_EQ(blocked.out.find("SECRET"), std::string::npos) << type;
    EXPECT_EQ(blocked.result.blocked.rule, "u.secret") << type;
    const Relayed redacted = with("card 4111 1111 1111 1111");
    EXPECT_NE(redacted.state, StreamState::blocked);
    EXPECT_EQ(redacted.out.find("1111"), std::string::npos) << type << redacted.out;
    EXPECT_NE(redacted.out.find("card [redacted:payment_card]"), std::string::npos) << type;
    EXPECT_TRUE(read(redacted.out).dense);
    ASSERT_EQ(redacted.result.hits.size(), 1U);
    EXPECT_EQ(redacted.result.hits[0].count, 1U) << type;
  }
}

TEST(ResponsesStream, InspectsEventsOfNoKnownFamily) {
  for (const std::string_view data :
       {R"({"type":"output_text.delta","delta":"a SECRET-123456 b"})",
        R"({"delta":"a SECRET-123456 b"})", R"({"type":"x","text":["SECRET-123456"]})"}) {
    const Relayed done = run(fmt::format("data: {}\n\n", data), 1'000);
    EXPECT_EQ(done.state, StreamState::blocked) << data;
    EXPECT_EQ(done.out.find("SECRET"), std::string::npos) << done.out;
  }
}

TEST(ResponsesStream, LetsNothingPassThatIsNoEvent) {
  for (const std::string_view data : {R"("SECRET-123456")", R"(["SECRET-123456"])", "7"}) {
    const Relayed done = run(fmt::format("data: {}\n\n", data), 1'000);
    EXPECT_EQ(done.state, StreamState::unreadable) << data;
    EXPECT_EQ(done.out.find("SECRET"), std::string::npos) << done.out;
  }
}

// A text too long to be kept is told again as far as it was kept, never with a piece missing.
TEST(ResponsesStream, KeepsOnlyTheBeginningOfATextThatIsTooLong) {
  const std::string first(900'000, 'x');
  const std::string second(200'000, 'y');
  Stream stream;
  stream.item("output_text", {first, second, "short", " SECRET-123456"});
  const Relayed done = run(stream.end(), 65'536);
  ASSERT_EQ(done.state, StreamState::blocked);
  const std::size_t ended = done.out.find("response.output_text.done");
  ASSERT_NE(ended, std::string::npos);
  const std::size_t begin = done.out.find("\"text\":\"", ended) + 8;
  const std::string_view text =
      std::string_view(done.out).substr(begin, done.out.find('"', begin) - begin);
  EXPECT_GT(text.size(), 800'000U);
  EXPECT_EQ(text.find_first_not_of('x'), text.npos) << "nothing behind what was left out";
}

TEST(ResponsesStream, CountsAWarningOnceAndAnotherTextAgain) {
  Stream stream;
  const Relayed once = run(stream.item("output_text", {"WARN-", "123"}).end(), 4096);
  ASSERT_EQ(once.result.hits.size(), 1U);
  EXPECT_EQ(once.result.hits[0].count, 1U);
  EXPECT_EQ(once.result.hits[0].delivered, 1U);
  EXPECT_EQ(once.result.scanned.bytes, 8U);
  Stream other;
  const std::string bytes = other.item("output_text", {"WARN-", "123"}).end();
  std::string changed = bytes;
  const std::size_t at = changed.find(R"("text":"WARN-123")");
  changed.replace(at, 17, R"("text":"WARN-124")");
  EXPECT_EQ(run(changed, 4096).result.hits[0].count, 2U) << "what is not the same is another text";
}

TEST(ResponsesStream, KeepsTheNumbersDenseForWhateverComesNext) {
  Stream stream;
  stream.item("output_text", {"tail SECR"});
  const Relayed relayed = run(stream.bytes(), 4096);
  EXPECT_TRUE(read(relayed.out).dense);
  EXPECT_EQ(relayed.next_number, 8U) << "seven events of the provider and one of our own";
  Stream ended;
  ended.item("output_text", {"fine"});
  EXPECT_EQ(run(ended.end(), 4096).next_number, 8U);
  std::string bare = stream.bytes();
  for (auto from = bare.find(",\"sequence_number"); from != bare.npos;
       from = bare.find(",\"sequence_number")) {
    bare.erase(from, bare.find('}', from) - from);
  }
  const Relayed unnumbered = run(bare, 4096);
  EXPECT_EQ(unnumbered.out.find("sequence_number"), std::string::npos);
  EXPECT_EQ(unnumbered.next_number, std::nullopt);
}

TEST(ResponsesStream, ServesManyItemsAndBoundsWhatIsOpen) {
  Stream stream;
  for (int i = 0; i < 400; ++i) stream.item(i % 2 == 0 ? "output_text" : "refusal", {"x"});
  const std::string bytes = stream.end();
  const Relayed many = run(bytes, 4096);
  EXPECT_EQ(many.state, StreamState::done);
  EXPECT_EQ(many.result.scanned.bytes, 400U);
  Stream open;
  for (int i = 0; i < 300; ++i) {
    open.event("output_text.delta", fmt::format(R"(,"output_index":{},"delta":"x")", i));
  }
  EXPECT_EQ(run(open.bytes(), 4096).state, StreamState::unreadable);
  for (const char* bad : {R"("output_index":1024,"delta":"x")", R"("output_index":-1,"delta":"x")",
                          R"("output_index":"0","delta":"x")", R"("output_index":0,"delta":5)",
                          R"("content_index":1.5,"delta":"x")"}) {
    Stream hostile;
    hostile.event("output_text.delta", "," + std::string(bad));
    EXPECT_EQ(run(hostile.bytes(), 4096).state, StreamState::unreadable) << bad;
  }
  EXPECT_EQ(run("event: response.created\ndata: {\"type\":\"response.failed\"}\n\n", 99).state,
            StreamState::unreadable)
      << "two readers could take it for two things";
  for (const char* error :
       {R"({"type":"error","code":"x","message":"y"})", R"({"error":{"message":"y"}})"}) {
    EXPECT_EQ(run("data: " + std::string(error) + "\n\n", 99).state, StreamState::provider_error);
  }
}

// Parts of messages are shown one after another, so a secret must not get through in several.
TEST(ResponsesStream, BlocksWhatReachesAcrossPartsAndMessagesAtEveryCut) {
  for (const std::string_view words : {"xx SECRET-123456 yy", "xx 4111 1111 1111 1111 yy"}) {
    for (std::size_t cut = 4; cut < words.size() - 4; ++cut) {
      for (std::size_t more = cut; more < words.size() - 4; ++more) {
        Stream stream;
        const std::string bytes =
            stream.item("output_text", {std::string(words.substr(0, cut))})
                .item("function_call_arguments", {"{}"})
                .item("output_text", {std::string(words.substr(cut, more - cut))})
                .item("output_text",
                      {std::string(words.substr(more, 3)), std::string(words.substr(more + 3))})
                .end();
        const Relayed blocked = run(bytes, bytes.size());
        ASSERT_EQ(blocked.state, StreamState::blocked) << words << cut << ", " << more;
        EXPECT_EQ(blocked.result.action, Action::block);
        EXPECT_FALSE(blocked.result.blocked.rule.empty());
        const Read seen = read(blocked.out);
        EXPECT_TRUE(seen.dense);
        std::string all;
        for (const std::int64_t item : {0, 2, 3}) {
          if (seen.pieces.contains(item)) all += seen.pieces.at(item);
        }
        EXPECT_TRUE(words.substr(0, more).starts_with(all))
            << "of a match only what had gone out before its last part: " << all;
      }
    }
  }
  const std::string words = "4111 and SECR and 411 words that match nothing, SECRET-12345";
  for (std::size_t cut = 1; cut < words.size(); ++cut) {
    Stream stream;
    const std::string bytes =
        stream.item("output_text", {words.substr(0, cut)})
            .item("output_text", {words.substr(cut, 1), words.substr(cut + 1)})
            .end();
    const Relayed passed = run(bytes, 50);
    EXPECT_EQ(passed.state, StreamState::done);
    const Read seen = read(passed.out);
    EXPECT_EQ(seen.pieces.at(0), words.substr(0, cut));
    EXPECT_EQ(seen.pieces.at(1), words.substr(cut)) << cut;
    EXPECT_EQ(passed.result.scanned.bytes, words.size());
    for (const std::string& again : seen.again.at(1)) EXPECT_EQ(again, words.substr(cut));
  }
  Stream twice;
  const Relayed redacted = run(
      twice.item("output_text", {"card 4111 1111 1111 1111"}).item("output_text", {" and"}).end(),
      99);
  EXPECT_EQ(redacted.state, StreamState::done) << "a match that ended is no match across";
  EXPECT_EQ(redacted.result.hits[0].count, 1U);
}

// However an answer comes, a secret in several messages blocks it; a whole one can still be
// redacted where the match begins.
TEST(ResponsesAnswers, AreOneTextAcrossPartsMessagesAndWhatStandsBetween) {
  const auto answer = dialect::protocol_of(dialect::Surface::responses).make_answer();
  const auto inspect = [&](const std::string& body, std::string& changed) {
    EXPECT_TRUE(answer->parse(body)) << body;
    Commitment commitment;
    const Hmac key{std::array<std::byte, 32>{}};
    Inspection inspection;
    std::vector<codec::Splice> splices;
    inspect_answer(inspection, *engine(), model::Mode::standard, answer->texts(), splices,
                   {&commitment, &key, "x"});
    codec::sort_splices(splices);
    changed.clear();
    codec::append_spliced(changed, body, splices);
    return inspection;
  };
  const auto with = [](std::string_view before, std::string_view between, std::string_view after) {
    return fmt::format(
        R"({{"output":[{{"type":"message","content":[{{"type":"output_text","text":{},)"
        R"("annotations":[{{"title":"t"}}]}}]}},{{"type":"reasoning","summary":[{{"text":{}}}]}},)"
        R"({{"type":"message","content":[{{"type":"output_text","text":{}}}]}}]}})",
        json_text(before), json_text(between), json_text(after));
  };
  std::string changed;
  for (const std::string_view words : {"xx SECRET-123456 yy", "xx 4111 1111 1111 1111 yy"}) {
    for (std::size_t cut = 0; cut <= words.size(); ++cut) {
      const auto inspection =
          inspect(with(words.substr(0, cut), "thinking", words.substr(cut)), changed);
      ASSERT_EQ(inspection.hits.size(), 1U) << words << cut;
      EXPECT_EQ(inspection.hits[0].count, 1U);
      EXPECT_EQ(inspection.scanned.bytes, words.size() + 9);
      if (words.find("SECRET") != words.npos) {
        EXPECT_TRUE(inspection.is_blocked()) << cut;
      } else {
        EXPECT_EQ(inspection.action, Action::redact);
        EXPECT_EQ(changed.find("11"), std::string::npos) << changed;
      }
    }
  }
  EXPECT_TRUE(inspect(with("a", "SECRET-123456", "b"), changed).is_blocked())
      << "what stands between is inspected too";
}

// However much an answer says, what it says again is inspected.
TEST(ResponsesStream, InspectsAgainWhatIsTooMuchToBeKept) {
  std::vector<std::string> pieces(300, std::string(4096, 'x'));
  pieces.push_back(" card 4111 1111 1111 1111 is");
  Stream stream;
  const std::string bytes = stream.item("output_text", pieces).end();
  const Relayed large = run(bytes, 65536);
  EXPECT_EQ(large.state, StreamState::done);
  EXPECT_EQ(large.out.find("1111"), std::string::npos);
  EXPECT_TRUE(read(large.out).dense);
}

}  // namespace
}  // namespace cordon::gateway
