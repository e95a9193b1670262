// A messages request as Anthropic's clients send it.
#pragma once

#include "dialect/request.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::dialect::anthropic {

/// Its texts: the system prompt, text blocks, tool results (role tool), the input of earlier tool
/// calls, earlier thinking (sealed), citations and documents. The text blocks of one content are
/// one group; what they cite comes after it.
class MessagesRequest final : public Request {
 public:
  using Request::Request;

 private:
  Checked read(const codec::JsonValue& root) override;
  Checked read_message(const codec::JsonValue& message, std::size_t at);
  Checked read_content(const codec::JsonValue& content, model::Role role, const std::string& param);
  Checked read_block(const codec::JsonValue& block, model::Role role, const std::string& param);
  Checked read_text_block(const codec::JsonValue& block, model::Role role,
                          const std::string& param);
  void add_cited();
  void add_leaves(const codec::JsonValue& value, model::Role role);
  void add_alone(const codec::JsonValue& value, model::Role role, Written written);

  bool group_open_ = false;  ///< the next text block is a part of the text before it
  /// What the text blocks of a content cite, and who says it.
  std::vector<std::pair<codec::JsonValue, model::Role>> cited_;
};

}  // namespace cordon::dialect::anthropic
