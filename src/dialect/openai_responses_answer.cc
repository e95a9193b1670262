#include "dialect/internal/leaves.h"
#include "dialect/openai_responses.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::dialect::openai {
namespace {

using codec::JsonValue;

Status unreadable(std::string_view what) {
  return fail(Errc::invalid, fmt::format("'{}' is not of a type that can be inspected", what));
}

/// What every reader of JSON can still count from.
constexpr std::int64_t kNumberMax = std::int64_t{1} << 53;

/// How the texts of an event stand to those of the events around it.
enum class Said : std::uint8_t {
  once,    ///< there are no other events
  begins,  ///< it may go on in later ones
  again,   ///< it may have come before
};

/// A text that streams: the events `response.NAME.delta` and `response.NAME.done`.
struct Streamed {
  std::string_view name;
  Field field;
  std::string_view key;   ///< of the text in the event that ends it
  std::string_view part;  ///< of the number of the part; empty if the item has one text
};
constexpr std::array<Streamed, 9> kStreamed = {{
    {"output_text", Field::part_text, "text", "content_index"},
    {"refusal", Field::part_refusal, "refusal", "content_index"},
    {"reasoning_text", Field::part_reasoning, "text", "content_index"},
    {"reasoning_summary_text", Field::summary_text, "text", "summary_index"},
    {"function_call_arguments", Field::call_arguments, "arguments", ""},
    {"custom_tool_call_input", Field::call_input, "input", ""},
    {"code_interpreter_call_code", Field::call_code, "code", ""},
    {"mcp_call_arguments", Field::mcp_arguments, "arguments", ""},
    {"audio.transcript", Field::audio_transcript, "transcript", ""},
}};

Usage read_usage(const JsonValue& usage) {
  Usage read;
  const auto in = usage.find("input_tokens").integer();
  const auto out = usage.find("output_tokens").integer();
  if (in && *in >= 0) read.in = static_cast<std::uint64_t>(*in);
  if (out && *out >= 0) read.out = static_cast<std::uint64_t>(*out);
  const auto cached = usage.find("input_tokens_details").find("cached_tokens").integer();
  if (cached && *cached >= 0) read.cached = static_cast<std::uint64_t>(*cached);
  return read;
}

/// The number of an item or of a part; where there is none, the first is meant.
Result<std::uint32_t> index_at(const JsonValue& root, std::string_view key) {
  const JsonValue value = root.find(key);
  const std::int64_t index = value ? value.integer().value_or(-1) : 0;
  if (index < 0 || index > kSlotIndexMax) return fail(Errc::invalid, std::string(key));
  return static_cast<std::uint32_t>(index);
}

/// Collects the texts of one output item, or of a piece of one.
class ItemReader {
 public:
  ItemReader(std::vector<SlotText>& texts, std::vector<JsonValue>& echoes, std::uint32_t index,
             Said said)
      : texts_(texts), echoes_(echoes), index_(index), said_(said) {}

  Status item(const JsonValue& item) {
    if (!item.is_object()) return unreadable("an output item");
    const std::string_view type = item.find("type").text();
    const auto skips =
        type == "image_generation_call" ? internal::is_image_label : internal::is_item_label;
    for (JsonValue member = item.first(); member; member = member.next()) {
      const std::string_view key = member.key();
      if (key == "content") {
        CORDON_CHECK(parts(member, Field::part_text));
      } else if (key == "summary") {
        CORDON_CHECK(parts(member, Field::summary_text));
      } else if (key == "arguments" && member.is_string()) {
        CORDON_CHECK(
            text(member, type == "function_call" ? Field::call_arguments : Field::mcp_arguments));
      } else if (key == "input" && member.is_string()) {
        CORDON_CHECK(text(member, Field::call_input));
      } else if (key == "code" && member.is_string()) {
        CORDON_CHECK(text(member, Field::call_code));
      } else if (!skips(key)) {
        CORDON_CHECK(leaves(member, skips));
      }
    }
    return {};
  }

  Status part(const JsonValue& part, std::uint32_t at, Field usual = Field::part_text) {
    if (!part.is_object()) return unreadable("a part of an output item");
    const std::string_view type = part.find("type").text();
    const Field field = type == "reasoning_text" ? Field::part_reasoning
                        : type == "summary_text" ? Field::summary_text
                                                 : usual;
    for (JsonValue member = part.first(); member; member = member.next()) {
      const std::string_view key = member.key();
      if (key == "text") {
        CORDON_CHECK(text(member, field, at));
      } else if (key == "refusal") {
        CORDON_CHECK(text(member, Field::part_refusal, at));
      } else if (key == "logprobs") {
        echo(member);
      } else if (!internal::is_item_label(key)) {
        CORDON_CHECK(leaves(member));
      }
    }
    return {};
  }

  Status text(const JsonValue& value, Field field, std::uint32_t at = 0) {
    if (!value || value.is_null()) return {};
    if (!value.is_string()) return unreadable("a text of an output item");
    if (at > kSlotIndexMax) return unreadable("the many parts of an output item");
    if (value.text().empty()) return {};
    texts_.emplace_back(Slot{index_, field, at}, value);
    texts_.back().repeats = said_ == Said::again;
    return {};
  }

  /// Each is a text of its own.
  Status leaves(const JsonValue& value, bool (*skips)(std::string_view) = internal::is_item_label) {
    bool fits = true;
    internal::for_each_leaf(
        value,
        [&](const JsonValue& leaf) {
          fits = fits && leaves_ <= kSlotIndexMax;
          if (!fits || leaf.text().empty()) return;
          texts_.emplace_back(Slot{index_, Field::item_part, leaves_++}, leaf);
          texts_.back().whole = true;
          texts_.back().repeats = said_ != Said::once;
        },
        skips);
    return fits ? Status() : unreadable("the many texts of an output item");
  }

  void echo(const JsonValue& logprobs) {
    if (logprobs.size() > 0) echoes_.push_back(logprobs);
  }

 private:
  Status parts(const JsonValue& value, Field usual) {
    if (!value.is_array()) return text(value, usual);
    std::uint32_t at = 0;
    for (JsonValue one = value.first(); one; one = one.next()) {
      CORDON_CHECK(part(one, at++, usual));
    }
    return {};
  }

  std::vector<SlotText>& texts_;
  std::vector<JsonValue>& echoes_;
  std::uint32_t index_;
  std::uint32_t leaves_ = 0;
  Said said_;
};

/// The items of a response, and what it says of its failure.
Status read_output(const JsonValue& response, std::vector<SlotText>& texts,
                   std::vector<JsonValue>& echoes, Said said) {
  std::uint32_t at = 0;
  for (JsonValue item = response.find("output").first(); item; item = item.next()) {
    if (at > kSlotIndexMax) return unreadable("the many items of an output");
    CORDON_CHECK(ItemReader(texts, echoes, at++, said).item(item));
  }
  // What some providers add for convenience: the text once more.
  ItemReader more(texts, echoes, kSlotIndexMax, said);
  CORDON_CHECK(more.leaves(response.find("output_text")));
  return more.leaves(response.find("error").find("message"));
}

}  // namespace

Status ResponsesAnswer::read(const JsonValue& root) {
  if (!root.find("output").is_array()) return unreadable("output");
  usage_ = read_usage(root.find("usage"));
  return read_output(root, texts_, echoes_, Said::once);
}

Status ResponsesEvent::read(std::string_view name, std::string_view data,
                            const codec::JsonIndexLimits& limits) {
  // Some providers also end as chat completions do; the answer has its end without it.
  if (data == "[DONE]") return index_.parse("null");
  CORDON_CHECK(index_.parse(data, limits));
  if (!root().is_object()) return unreadable("an event");
  const JsonValue type_value = root().find("type");
  // Some clients go by the name and some by the type, so they must not say different things.
  if (type_value && !type_value.is_string()) return unreadable("type");
  if (type_value && !name.empty() && name != type_value.text()) {
    return fail(Errc::invalid, "the name of an event is not its type");
  }
  const JsonValue number = root().find("sequence_number");
  const std::int64_t value = number.integer().value_or(-1);
  if (value >= 0 && value <= kNumberMax) number_ = number;
  const std::string_view type = type_value ? type_value.text() : name;
  if (type == "error" || root().find("error").is_object()) {
    kind_ = EventKind::error;
    return {};
  }
  constexpr std::string_view kPrefix = "response.";
  kind_ = EventKind::part;
  CORDON_CHECK(type.starts_with(kPrefix) ? read_typed(type.substr(kPrefix.size()))
                                         : read_unknown());
  for (SlotText& text : texts_) text.repeats = text.repeats || kind_ != EventKind::part;
  return {};
}

/// `type` without `response.`.
Status ResponsesEvent::read_typed(std::string_view type) {
  if (type == "completed" || type == "incomplete") {
    kind_ = EventKind::done;
  } else if (type == "failed") {
    kind_ = EventKind::failed;
  }
  if (type.starts_with("output_item.")) return read_item_event(type);
  if (type.starts_with("content_part.") || type.starts_with("reasoning_summary_part.")) {
    return read_part_event(type);
  }
  // Sound and pieces of images.
  if (type == "audio.delta" || type.starts_with("image_generation_call.")) return {};
  return read_text_event(type);
}

Status ResponsesEvent::read_text_event(std::string_view type) {
  const auto* const found = std::find_if(kStreamed.begin(), kStreamed.end(), [&](const auto& one) {
    return type.starts_with(one.name) &&
           (type.substr(one.name.size()) == ".delta" || type.substr(one.name.size()) == ".done");
  });
  if (found == kStreamed.end()) return read_unknown();
  CORDON_TRY(const std::uint32_t index, index_at(root(), "output_index"));
  std::uint32_t part = 0;
  if (!found->part.empty()) {
    CORDON_TRY(part, index_at(root(), found->part));
  }
  indexes_end_ = index + 1;
  const bool ends = type.ends_with(".done");
  ItemReader reader(texts_, echoes_, index, ends ? Said::again : Said::begins);
  reader.echo(root().find("logprobs"));
  if (ends) endings_.push_back({index, false, Slot{index, found->field, part}});
  return reader.text(root().find(ends ? found->key : "delta"), found->field, part);
}

Status ResponsesEvent::read_part_event(std::string_view type) {
  CORDON_TRY(const std::uint32_t index, index_at(root(), "output_index"));
  const bool summary = type.starts_with("reasoning_summary_part.");
  CORDON_TRY(const std::uint32_t part,
             index_at(root(), summary ? "summary_index" : "content_index"));
  indexes_end_ = index + 1;
  const bool ends = type.ends_with(".done");
  if (ends) {
    for (const Field field :
         {Field::part_text, Field::part_refusal, Field::part_reasoning, Field::summary_text}) {
      if ((field == Field::summary_text) == summary) {
        endings_.push_back({index, false, Slot{index, field, part}});
      }
    }
  }
  const JsonValue value = root().find("part");
  if (!value) return {};
  return ItemReader(texts_, echoes_, index, ends ? Said::again : Said::begins)
      .part(value, part, summary ? Field::summary_text : Field::part_text);
}

Status ResponsesEvent::read_item_event(std::string_view type) {
  CORDON_TRY(const std::uint32_t index, index_at(root(), "output_index"));
  indexes_end_ = index + 1;
  const bool begins = type == "output_item.added";
  if (begins) opening_ = index;
  if (type == "output_item.done") endings_.push_back({index});
  return ItemReader(texts_, echoes_, index, begins ? Said::begins : Said::again)
      .item(root().find("item"));
}

/// What says texts in a place that is known says them here too.
Status ResponsesEvent::read_unknown() {
  const JsonValue response = root().find("response");
  usage_ = read_usage(response.find("usage"));
  CORDON_CHECK(read_output(response, texts_, echoes_, Said::again));
  ItemReader reader(texts_, echoes_, index_at(root(), "output_index").value_or(0), Said::again);
  if (const JsonValue item = root().find("item"); item.is_object()) {
    CORDON_CHECK(reader.item(item));
  }
  if (const JsonValue part = root().find("part"); part.is_object()) {
    CORDON_CHECK(reader.part(part, 0));
  }
  for (const std::string_view key : {"annotation", "delta", "text"}) {
    CORDON_CHECK(reader.leaves(root().find(key)));
  }
  return {};
}

}  // namespace cordon::dialect::openai
