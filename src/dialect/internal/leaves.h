// Every string a reader may see in a piece of JSON whose fields are not known one by one.
#pragma once

#include "codec/json_index.h"

#include <string_view>

namespace cordon::dialect::internal {

/// A member that names, types or seals something and holds nothing that anybody reads.
[[nodiscard]] inline bool is_opaque(std::string_view key) noexcept {
  return key == "type" || key == "id" || key.ends_with("_id") || key == "signature" ||
         key.starts_with("encrypted_") || key == "media_type" || key == "cache_control";
}

/// The same of an output item of OpenAI's: what names it, and what holds an image or a file.
[[nodiscard]] inline bool is_item_label(std::string_view key) noexcept {
  return is_opaque(key) || key == "status" || key == "role" || key == "name" ||
         key == "server_label" || key == "image_url" || key == "file_data";
}
/// The same of an item that is an image that was made: the image itself.
[[nodiscard]] inline bool is_image_label(std::string_view key) noexcept {
  return is_item_label(key) || key == "result";
}

/// Calls `take` with each string value, in the order of the bytes. Depth is the parser's bound.
template <class Take>
void for_each_leaf(const codec::JsonValue& value, Take&& take,
                   bool (*skips)(std::string_view key) = is_opaque) {
  if (value.is_string()) {
    take(value);
    return;
  }
  const std::string_view type = value.find("type").text();
  const bool encoded = type == "base64" || type == "redacted_thinking";
  for (codec::JsonValue item = value.first(); item; item = item.next()) {
    if (value.is_object() && (skips(item.key()) || (encoded && item.key() == "data"))) continue;
    for_each_leaf(item, take, skips);
  }
}

/// Blocks that call a tool; their `input` is any JSON.
[[nodiscard]] inline bool calls_a_tool(std::string_view block_type) noexcept {
  return block_type == "tool_use" || block_type.ends_with("_tool_use");
}

}  // namespace cordon::dialect::internal
