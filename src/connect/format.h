// A message as each kind of receiver takes it. The text is plain: whatever an attacker managed to
// get quoted in it pings nobody, links nowhere and renders as the characters it is made of.
#pragma once

#include "codec/json.h"
#include "model/comms.h"

#include <string>
#include <string_view>

namespace cordon::connect {

/// The body of the POST and its content type.
struct Posted {
  std::string content_type;
  std::string body;
};

/// A CloudEvent for `webhook`; `text` always, and plain-text `blocks`, for `slack`; `text` in
/// escaped Markdown for `mattermost`, which drops blocks; an event of version 2 for `pagerduty`,
/// whose `routing_key` is its secret and is used by no other kind.
[[nodiscard]] Posted format(model::ConnectorKind kind, const model::Message& message,
                            std::string_view routing_key = {});

/// `&`, `<` and `>` as Slack wants them, which disarms `<!channel>`, `<@U1>` and `<http://x|y>`.
[[nodiscard]] std::string escape_slack(std::string_view text);
/// Markdown's own characters behind backslashes, `<` and `&` as entities, and a zero-width space
/// after every `@`, so that nobody is mentioned.
[[nodiscard]] std::string escape_mattermost(std::string_view text);

}  // namespace cordon::connect
