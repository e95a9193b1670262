#include "dialect/openai_responses.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace cordon::dialect::openai {
namespace {

using codec::JsonValue;

constexpr std::size_t kItemsMax = kSlotIndexMax + 1;

/// The events of a slot's text, without `response.` and `.delta`.
std::string_view event_of(Field field) noexcept {
  switch (field) {
    case Field::part_refusal:
      return "refusal";
    case Field::part_reasoning:
      return "reasoning_text";
    case Field::summary_text:
      return "reasoning_summary_text";
    case Field::call_arguments:
      return "function_call_arguments";
    case Field::call_input:
      return "custom_tool_call_input";
    case Field::call_code:
      return "code_interpreter_call_code";
    case Field::mcp_arguments:
      return "mcp_call_arguments";
    case Field::audio_transcript:
      return "audio.transcript";
    default:
      return "output_text";
  }
}

std::string_view part_number_of(Field field) noexcept {
  switch (field) {
    case Field::part_text:
    case Field::part_refusal:
    case Field::part_reasoning:
      return "content_index";
    case Field::summary_text:
      return "summary_index";
    default:
      return {};
  }
}

void append_member(std::string& out, std::string_view key, std::string_view text) {
  out += fmt::format(R"(,"{}":)", key);
  codec::append_json_string(out, text);
}

}  // namespace

ResponsesWriter::Item* ResponsesWriter::item_at(std::uint32_t index) {
  const auto found = std::find_if(items_.begin(), items_.end(),
                                  [&](const Item& item) { return item.index == index; });
  return found == items_.end() ? nullptr : &*found;
}

void ResponsesWriter::learn(const StreamEvent& event) {
  const JsonValue root = event.root();
  if (event.opening()) learn_item(root.find("item"), *event.opening());
  if (head_.empty()) learn_response(root.find("response"));
}

void ResponsesWriter::learn_item(const JsonValue& item, std::uint32_t index) {
  constexpr std::size_t kIdBytesMax = 256;
  if (item_at(index) != nullptr || items_.size() == kItemsMax) return;
  Item learned{.index = index, .message = item.find("type").text() == "message"};
  const JsonValue id = item.find("id");
  if (id.is_string() && id.raw().size() <= kIdBytesMax) learned.id = id.raw();
  items_.push_back(std::move(learned));
}

void ResponsesWriter::learn_response(const JsonValue& response) {
  constexpr std::size_t kMemberBytesMax = 4096;
  constexpr std::size_t kHeadBytesMax = 16 * 1024;
  for (JsonValue member = response.first(); member; member = member.next()) {
    const std::string_view key = member.key();
    const bool changes = key == "status" || key == "incomplete_details" || key == "output" ||
                         key == "output_text" || key == "error" || key == "usage" ||
                         key == "completed_at";
    if (changes || key.size() + member.raw().size() > kMemberBytesMax) continue;
    if (head_.size() + key.size() + member.raw().size() > kHeadBytesMax) return;
    codec::append_json_string(head_, key);
    head_ += ':';
    head_ += member.raw();
    head_ += ',';
  }
}

void ResponsesWriter::note_opened(std::uint32_t index) {
  if (Item* const item = item_at(index)) item->open = true;
}

void ResponsesWriter::note_ended(const Ending& ending) {
  for (Said& said : said_) said.ended = said.ended || ending.ends(said.slot);
  Item* const item = item_at(ending.index);
  if (item != nullptr && ending.closes) item->open = false;
}

bool ResponsesWriter::keep(std::size_t bytes) {
  if (bytes > kSaidBytesMax - said_bytes_) return false;
  said_bytes_ += bytes;
  return true;
}

void ResponsesWriter::note_text(const Slot& slot, std::string_view text) {
  if (text.empty()) return;
  auto found = std::find_if(said_.rbegin(), said_.rend(),
                            [&](const Said& said) { return said.slot == slot && !said.whole; });
  if (found == said_.rend()) {
    if (said_.size() == kSaidMax) return;
    said_.push_back({slot, {}});
    found = said_.rbegin();
  }
  // What is kept is a beginning, never pieces with something missing between them.
  found->full = found->full || !keep(text.size());
  if (!found->full) found->text += text;
}

void ResponsesWriter::note_whole(const Slot& slot, std::string_view text) {
  if (said_.size() == kSaidMax || !keep(text.size())) return;
  said_.push_back({slot, std::string(text), true, true});
}

bool ResponsesWriter::has_said(const Slot& slot, std::string_view text) const {
  const bool anywhere = slot.field == Field::item_part;
  return std::any_of(said_.begin(), said_.end(), [&](const Said& said) {
    const bool same = anywhere ? said.slot.index == slot.index && said.slot.field == slot.field
                               : said.slot == slot;
    return same && said.text == text;
  });
}

std::optional<std::uint64_t> ResponsesWriter::number_for(const StreamEvent& event) {
  const auto number = event.number().integer();
  if (!number) return std::nullopt;
  const std::uint64_t moved = static_cast<std::uint64_t>(*number) + added_;
  next_ = moved + 1;
  return moved;
}

void ResponsesWriter::append_event(std::string& out, std::string_view type,
                                   std::string_view members) {
  fmt::format_to(std::back_inserter(out), R"(event: response.{}{}data: {{"type":"response.{}"{})",
                 type, '\n', type, members);
  if (next_) {
    fmt::format_to(std::back_inserter(out), R"(,"sequence_number":{})", *next_);
    ++*next_;
    ++added_;
  }
  out += "}\n\n";
}

void ResponsesWriter::append_place(std::string& out, const Slot& slot) {
  const Item* const item = item_at(slot.index);
  if (item != nullptr && !item->id.empty()) out += ",\"item_id\":" + item->id;
  fmt::format_to(std::back_inserter(out), R"(,"output_index":{})", slot.index);
  const std::string_view part = part_number_of(slot.field);
  if (!part.empty()) fmt::format_to(std::back_inserter(out), R"(,"{}":{})", part, slot.tool);
}

void ResponsesWriter::append_text(std::string& out, const Slot& slot, std::string_view text) {
  note_text(slot, text);
  std::string members;
  append_place(members, slot);
  append_member(members, "delta", text);
  if (slot.field == Field::part_text) members += R"(,"logprobs":[])";
  append_event(out, std::string(event_of(slot.field)) + ".delta", members);
}

void ResponsesWriter::append_part(std::string& out, const Said& said) const {
  const bool refusal = said.slot.field == Field::part_refusal;
  out += refusal ? R"({"type":"refusal")" : R"({"type":"output_text","annotations":[])";
  append_member(out, refusal ? "refusal" : "text", said.text);
  out += '}';
}

/// A message with what went on of it.
void ResponsesWriter::append_message(std::string& out, const Item& item) const {
  out += R"({"type":"message",)";
  if (!item.id.empty()) out += "\"id\":" + item.id + ",";
  out += fmt::format(R"("status":"{}","role":"assistant","content":[)",
                     item.open ? "incomplete" : "completed");
  for (const Said& said : said_) {
    const bool shown =
        said.slot.field == Field::part_text || said.slot.field == Field::part_refusal;
    if (said.slot.index != item.index || said.whole || !shown) continue;
    if (!out.ends_with('[')) out += ',';
    append_part(out, said);
  }
  out += "]}";
}

void ResponsesWriter::append_block_end(std::string& out) {
  for (const Item& item : items_) {
    if (!item.open || !item.message) continue;
    for (Said& said : said_) {
      const Slot& slot = said.slot;
      const bool refusal = slot.field == Field::part_refusal;
      if (slot.index != item.index || said.ended) continue;
      if (slot.field != Field::part_text && !refusal) continue;
      std::string place;
      append_place(place, slot);
      std::string members = place;
      append_member(members, refusal ? "refusal" : "text", said.text);
      if (!refusal) members += R"(,"logprobs":[])";
      append_event(out, refusal ? "refusal.done" : "output_text.done", members);
      members = place + ",\"part\":";
      append_part(members, said);
      append_event(out, "content_part.done", members);
      said.ended = true;
    }
    std::string members = fmt::format(R"(,"output_index":{},"item":)", item.index);
    append_message(members, item);
    append_event(out, "output_item.done", members);
  }
}

void ResponsesWriter::append_usage(std::string& out) const {
  constexpr std::uint64_t kBytesPerToken = 4;
  std::uint64_t said = 0;
  for (const Said& one : said_) said += one.text.size();
  const std::uint64_t in = request_bytes_ / kBytesPerToken + 1;
  const std::uint64_t answered = said / kBytesPerToken + 1;
  out += fmt::format(
      R"({{"input_tokens":{},"input_tokens_details":{{"cached_tokens":0}},"output_tokens":{},)"
      R"("output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":{},)"
      R"("cordon":{{"source":"estimated"}}}})",
      in, answered, in + answered);
}

void ResponsesWriter::append_terminal(std::string& out) {
  std::string members = ",\"response\":{";
  members += head_.empty() ? std::string_view(R"("object":"response",)") : std::string_view(head_);
  members += R"("status":"incomplete","incomplete_details":{"reason":"content_filter"},)"
             R"("error":null,"usage":)";
  append_usage(members);
  members += R"(,"output":[)";
  for (const Item& item : items_) {
    if (!item.message) continue;
    if (!members.ends_with('[')) members += ',';
    append_message(members, item);
  }
  members += "]}";
  append_event(out, "incomplete", members);
}

}  // namespace cordon::dialect::openai
