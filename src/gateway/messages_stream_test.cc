// Anthropic-shaped streams through the inspector: whatever the pieces, the client's side is whole.
#include "gateway/internal/inspection.h"
#include "gateway/internal/stream_inspector.h"
#include "policy/rulepack.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cordon::gateway {
namespace {

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
  StreamState state;
  Inspection result;
};
Relayed run(std::string_view stream, std::size_t step,
            std::shared_ptr<const policy::Engine> with = engine()) {
  const dialect::Protocol& protocol = dialect::protocol_of(model::Dialect::anthropic);
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
  if (done.state == StreamState::blocked) inspector.append_block_end(done.out);
  if (done.state != StreamState::open) inspector.append_terminal(done.out);
  done.result = inspector.finish();
  return done;
}

std::string event(std::string_view type, std::string_view members) {
  return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"" +
         std::string(members) + "}\n\n";
}
std::string start(int index, std::string_view block = R"({"type":"text","text":""})") {
  return event("content_block_start", R"(,"index":)" + std::to_string(index) +
                                          R"(,"content_block":)" + std::string(block));
}
std::string delta(int index, std::string_view type, std::string_view key, std::string_view text) {
  return event("content_block_delta", R"(,"index":)" + std::to_string(index) +
                                          R"(,"delta":{"type":")" + std::string(type) + R"(",")" +
                                          std::string(key) + R"(":")" + std::string(text) + "\"}");
}
std::string text(int index, std::string_view words) {
  return delta(index, "text_delta", "text", words);
}
std::string stop(int index) {
  return event("content_block_stop", R"(,"index":)" + std::to_string(index));
}
const std::string kStart =
    event("message_start", R"(,"message":{"id":"m","content":[],"usage":{"input_tokens":1}})");
const std::string kEnd =
    event("message_delta", R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2})") +
    event("message_stop", "");

TEST(MessagesStream, SaysTheSameHoweverTheBytesAreCut) {
  const std::string stream =
      kStart + start(0, R"({"type":"thinking","thinking":"","signature":""})") +
      delta(0, "thinking_delta", "thinking", "considering") +
      delta(0, "signature_delta", "signature", "s") + stop(0) + start(1) +
      text(1, "Card 4111 1111") + text(1, " 1111 1111 is on file.") + stop(1) +
      start(2, R"({"type":"tool_use","id":"t","name":"f","input":{}})") +
      delta(2, "input_json_delta", "partial_json", "{\\\"card\\\":\\\"4111 1111 ") +
      delta(2, "input_json_delta", "partial_json", "1111 1111\\\"}") + stop(2) + kEnd;
  const Relayed whole = run(stream, stream.size());
  EXPECT_EQ(whole.state, StreamState::done);
  EXPECT_EQ(whole.out.find("1111 1111"), std::string::npos);
  EXPECT_NE(whole.out.find("[redacted:payment_card] is on file."), std::string::npos);
  EXPECT_TRUE(whole.out.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
  ASSERT_EQ(whole.result.hits.size(), 1U);
  EXPECT_EQ(whole.result.hits[0].count, 2U);
  EXPECT_EQ(whole.result.hits[0].delivered, 0U);
  for (std::size_t step = 1; step < 48; ++step) {
    const Relayed pieces = run(stream, step);
    EXPECT_EQ(pieces.out, whole.out) << step;
    EXPECT_EQ(pieces.result.hits[0].commit, whole.result.hits[0].commit);
    EXPECT_EQ(pieces.result.scanned.bytes, whole.result.scanned.bytes);
  }
}

TEST(MessagesStream, LetsWhatABlockStillHoldsOutBeforeItsStop) {
  const Relayed open = run(kStart + start(0) + text(0, "tail SECR"), 1000);
  EXPECT_EQ(open.out.find("SECR"), std::string::npos);
  const Relayed closed = run(kStart + start(0) + text(0, "tail SECR") + stop(0) + kEnd, 1000);
  const std::size_t held = closed.out.find("SECR");
  ASSERT_NE(held, std::string::npos);
  EXPECT_LT(held, closed.out.find("content_block_stop"));
  const Relayed thought =
      run(kStart + start(0, R"({"type":"thinking","thinking":"","signature":""})") +
              delta(0, "thinking_delta", "thinking", "tail SECR") +
              delta(0, "signature_delta", "signature", "s"),
          1000);
  EXPECT_LT(thought.out.find("SECR"), thought.out.find("signature_delta"))
      << "the signature stands after all that it signs";
}

TEST(MessagesStream, BlocksAtEveryCutAndLetsNothingOutAfterwards) {
  const std::string words = "xxxx SECRET-123456 yyyy";
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    const Relayed blocked = run(kStart + start(0) + text(0, words.substr(0, cut)) +
                                    text(0, words.substr(cut)) + text(0, "later") + stop(0) + kEnd,
                                1000);
    EXPECT_EQ(blocked.state, StreamState::blocked) << cut;
    EXPECT_EQ(blocked.out.find("SECRET"), std::string::npos) << cut;
    EXPECT_EQ(blocked.out.find("later"), std::string::npos) << cut;
    EXPECT_NE(blocked.out.find("\"refusal\""), std::string::npos);
    EXPECT_EQ(blocked.result.blocked.rule, "u.secret");
  }
}

// Thinking is signed: no cut may let a rewritten piece of it out.
TEST(MessagesStream, BlocksInThinkingWhatItWouldRedactElsewhere) {
  const std::string words = "card 4111 1111 1111 1111 it is";
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    const Relayed blocked =
        run(kStart + start(0, R"({"type":"thinking","thinking":"","signature":""})") +
                delta(0, "thinking_delta", "thinking", words.substr(0, cut)) +
                delta(0, "thinking_delta", "thinking", words.substr(cut)) +
                delta(0, "signature_delta", "signature", "s") + stop(0) + kEnd,
            1000);
    EXPECT_EQ(blocked.state, StreamState::blocked) << cut;
    EXPECT_EQ(blocked.out.find("redacted"), std::string::npos) << cut;
    EXPECT_EQ(blocked.out.find("4111"), std::string::npos) << cut;
    ASSERT_EQ(blocked.result.hits.size(), 1U);
    EXPECT_EQ(blocked.result.hits[0].action, Action::block);
    EXPECT_EQ(blocked.result.blocked.rule, "u.card");
  }
}

/// What a client that shows text blocks one after another shows, and each block by itself.
std::vector<std::string> shown(std::string_view out) {
  const auto event = dialect::protocol_of(model::Dialect::anthropic).make_event();
  codec::SseFramer framer;
  framer.feed(out);
  std::vector<std::string> blocks;
  std::vector<bool> open;
  for (auto next = framer.next(); next && *next; next = framer.next()) {
    EXPECT_TRUE(event->parse((*next)->name, (*next)->data));
    if (event->indexes_end() > blocks.size()) blocks.resize(event->indexes_end());
    open.resize(blocks.size());
    if (event->opening()) open[*event->opening()] = true;
    for (const dialect::SlotText& piece : event->texts()) {
      if (piece.slot.field != dialect::Field::block_text) continue;
      EXPECT_TRUE(open[piece.slot.index]) << "text outside of its block: " << out;
      blocks[piece.slot.index] += piece.text();
    }
    for (const dialect::Ending& ending : event->endings()) open[ending.index] = false;
  }
  return blocks;
}

std::string in_blocks(const std::vector<std::string>& blocks) {
  std::string stream = kStart;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const int index = static_cast<int>(i);
    stream += start(index);
    if (!blocks[i].empty()) stream += text(index, blocks[i]);
    stream += stop(index);
  }
  return stream + kEnd;
}

// Text blocks are shown one after another, so a secret must not get through in two of them.
TEST(MessagesStream, TakesTheTextOfNeighbouringBlocksForOneTextAtEveryCut) {
  const std::string words = "xxxx SECRET-123456 yyyy";
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    for (std::size_t more = cut; more <= words.size(); ++more) {
      const std::string stream = in_blocks(
          {words.substr(0, cut), words.substr(cut, more - cut), words.substr(more), "later"});
      const Relayed blocked = run(stream, stream.size());
      ASSERT_EQ(blocked.state, StreamState::blocked) << cut << ", " << more;
      std::string all;
      for (const std::string& block : shown(blocked.out)) all += block;
      EXPECT_TRUE(words.substr(0, 5).starts_with(all)) << all;
      EXPECT_EQ(blocked.result.blocked.rule, "u.secret");
    }
  }
}

TEST(MessagesStream, RedactsAcrossBlocksWhereTheMatchBegins) {
  const std::string words = "Card 4111 1111 1111 1111 is on file.";
  const std::string token = "[redacted:payment_card]";
  const std::string left = "Card " + token + " is on file.";
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    const std::string stream = in_blocks({words.substr(0, cut), words.substr(cut)});
    const Relayed whole = run(stream, stream.size());
    EXPECT_EQ(whole.state, StreamState::done);
    const auto blocks = shown(whole.out);
    ASSERT_EQ(blocks.size(), 2U);
    EXPECT_EQ(blocks[0] + blocks[1], left) << cut;
    EXPECT_TRUE(blocks[0].find(token) != std::string::npos ||
                blocks[1].find(token) != std::string::npos)
        << "a token stands in one block";
    ASSERT_EQ(whole.result.hits.size(), 1U);
    EXPECT_EQ(whole.result.hits[0].count, 1U);
    for (std::size_t step = 1; step < 40; ++step) {
      EXPECT_EQ(run(stream, step).out, whole.out) << cut << " in steps of " << step;
    }
  }
}

// What no rule touches stays in the block in which it was written, and comes at the latest when the
// run of blocks ends.
TEST(MessagesStream, LeavesTextThatNothingMatchesInItsOwnBlock) {
  const std::string words = "4111 and SECR and 12345678901234567890 words that match nothing";
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    const std::vector<std::string> blocks{words.substr(0, cut), "", words.substr(cut)};
    EXPECT_EQ(shown(run(in_blocks(blocks), 64).out), blocks) << cut;
  }
  const std::string tool = start(1, R"({"type":"tool_use","id":"t","name":"f","input":{}})");
  const std::string parted = kStart + start(0) + text(0, "SECRET-") + stop(0) + tool;
  const Relayed before_tool = run(parted, parted.size());
  EXPECT_EQ(before_tool.state, StreamState::open);
  EXPECT_TRUE(before_tool.out.ends_with(stop(0) + tool)) << "a tool's call parts the text";
  EXPECT_EQ(shown(before_tool.out)[0], "SECRET-");
}

TEST(MessagesStream, BoundsTheFramesThatWaitForTheTextBeforeThem) {
  std::string stream = kStart + start(0) + text(0, "SECR") + stop(0);
  const auto add = [&](std::size_t bytes) {
    while (stream.size() < bytes) stream += start(1) + stop(1) + event("ping", "");
  };
  add(StreamInspector::kWaitingBytesMax);
  EXPECT_EQ(run(stream, 4096).state, StreamState::open);
  add(2 * StreamInspector::kWaitingBytesMax);
  EXPECT_EQ(run(stream, 4096).state, StreamState::unreadable);
}

// However an answer comes, the rules say the same of it.
TEST(JoinedBlocks, OfAWholeAnswerAreOneTextAsInAStream) {
  const std::string words = "Card 4111 1111 1111 1111 is on file.";
  const auto answer = dialect::protocol_of(model::Dialect::anthropic).make_answer();
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    const std::string body =
        R"({"content":[{"type":"text","text":")" + words.substr(0, cut) +
        R"(","citations":[{"cited_text":"a source"}]},{"type":"text","text":")" +
        words.substr(cut) + R"("},{"type":"text","text":" SECR"},)" +
        R"({"type":"tool_use","input":{"a":"b"}},{"type":"text","text":"ET-123456"}]})";
    ASSERT_TRUE(answer->parse(body));
    Commitment commitment;
    const Hmac key{std::array<std::byte, 32>{}};
    Inspection inspection;
    std::vector<codec::Splice> splices;
    inspect_answer(inspection, *engine(), model::Mode::standard, answer->texts(), splices,
                   {&commitment, &key, "x"});
    EXPECT_EQ(inspection.action, Action::redact) << cut;
    ASSERT_EQ(inspection.hits.size(), 1U);
    EXPECT_EQ(inspection.hits[0].count, 1U);
    codec::sort_splices(splices);
    std::string changed;
    codec::append_spliced(changed, body, splices);
    const std::string plain = in_blocks({words.substr(0, cut), words.substr(cut), " SECR"});
    const auto streamed = shown(run(plain, plain.size()).out);
    ASSERT_TRUE(answer->parse(changed)) << changed;
    for (const dialect::SlotText& left : answer->texts()) {
      if (left.slot.field != dialect::Field::block_text || left.slot.index > 2) continue;
      EXPECT_EQ(left.text(), streamed[left.slot.index]) << cut;
    }
  }
}

TEST(MessagesStream, ServesMoreBlocksThanAreOpenAtOneTime) {
  std::string stream = kStart;
  for (int i = 0; i < 400; ++i) stream += start(i) + text(i, "x") + stop(i);
  const Relayed many = run(stream + kEnd, 4096);
  EXPECT_EQ(many.state, StreamState::done);
  EXPECT_EQ(many.result.scanned.bytes, 400U);
  std::string open = kStart;
  for (int i = 0; i < 300; ++i) open += start(i) + text(i, "x");
  EXPECT_EQ(run(open, 4096).state, StreamState::unreadable) << "bounded";
}

TEST(JoinedParts, AreInspectedAsPartsAndAsTheTextTheyMake) {
  const auto decide = [](std::string_view content, std::string& out) {
    const auto request = dialect::protocol_of(model::Dialect::openai).make_request();
    const std::string body =
        R"({"model":"m","messages":[{"role":"user","content":[)" + std::string(content) + "]}]}";
    EXPECT_TRUE(request->parse(body)) << body;
    dialect::ForwardPlan plan = request->plan();
    Commitment commitment;
    const Hmac key{std::array<std::byte, 32>{}};
    Inspection inspection;
    inspect_request(inspection, *engine(), model::Mode::standard, request->texts(), plan.splices,
                    {&commitment, &key, "x"});
    out.clear();
    plan.append_to(out, "m");
    return inspection;
  };
  const auto parts = [](std::initializer_list<std::string_view> texts) {
    std::string all;
    for (const std::string_view text : texts) {
      if (!all.empty()) all += ',';
      all += R"({"type":"text","text":")" + std::string(text) + "\"}";
    }
    return all;
  };
  std::string out;
  const std::string secret = "a SECRET-123456 b";
  for (std::size_t cut = 0; cut <= secret.size(); ++cut) {
    EXPECT_TRUE(decide(parts({secret.substr(0, cut), secret.substr(cut)}), out).is_blocked())
        << cut;
  }
  const std::string card = "c 4111 1111 1111 1111 d";
  for (std::size_t cut = 0; cut <= card.size(); ++cut) {
    const auto inspection = decide(parts({card.substr(0, cut), card.substr(cut), "end"}), out);
    EXPECT_EQ(inspection.action, Action::redact) << cut;
    EXPECT_EQ(inspection.hits[0].count, 1U) << cut;
    EXPECT_EQ(out.find("11"), std::string::npos) << out;
    EXPECT_NE(out.find("[redacted:payment_card]"), std::string::npos) << out;
    EXPECT_NE(out.find(R"({"type":"text","text":"end"})"), std::string::npos) << out;
  }
  // Joined, the first digit no longer begins a word; by itself the part still says what it says.
  EXPECT_EQ(decide(parts({"order", "4111 1111 1111 1111"}), out).action, Action::redact);
  EXPECT_EQ(decide(parts({"4111 ", "1111 ", "1111 ", "1111"}), out).action, Action::redact);
  EXPECT_EQ(out.find("11"), std::string::npos) << out;
  EXPECT_EQ(decide(parts({"nothing", "here"}), out).action, Action::allow);
  // More places than are kept: what cannot all be found cannot all be taken out.
  std::string many;
  for (int i = 0; i < 300; ++i) many += "4111 1111 1111 1111, ";
  EXPECT_TRUE(decide(parts({many, "x"}), out).is_blocked());
}

}  // namespace
}  // namespace cordon::gateway
