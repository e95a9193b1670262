// The journal entry: the one form in which anything that happened is written down.
// Its format is docs/formats/entry.md.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "codec/json.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace cordon::model {

/// What happened. Closed: a reader refuses a kind that it does not know.
enum class EntryKind : std::uint8_t {
  decision,
  response_end,
  generation_change,
  containment,
  receipt,
  signal,
  incident_event,
  config_change,
  rulepack_change,
  token_change,
  refusal,
  custody,
  recovery,
  signal_end,
  baseline,
  replay_test,
  approval,
  page,
  key_change,
};

[[nodiscard]] std::string_view to_string(EntryKind kind) noexcept;

inline constexpr std::size_t kEntryBytesMax = 65'535;

/// An entry as read back. `body` holds the keys that follow the head.
struct Entry {
  EntryKind kind = EntryKind::decision;
  std::string id;
  WallTime recorded{};
  std::int64_t mono_ns = 0;
  std::string boot;
  std::string node;
  codec::Json body;
};

/// The kind of an entry from its first bytes, without parsing it; `corrupt` if it has no head.
[[nodiscard]] Result<EntryKind> peek_kind(std::string_view bytes) noexcept;
[[nodiscard]] Result<Entry> parse_entry(std::string_view bytes);

/// Writes entries of one node and one run of the process. Any thread, if the clock and the
/// random source allow it, which the system's do. Both must outlive it.
class EntryWriter {
 public:
  EntryWriter(std::string node, std::string boot, const Clock& clock, Random& random);

  /// A whole entry, and its id.
  struct Written {
    std::string id;
    std::string bytes;
  };
  /// Refuses as `invalid` a body that is no object, that has one of the head's keys, which would
  /// make an entry that nobody can read, and one that is longer than kEntryBytesMax.
  [[nodiscard]] Result<Written> compose(EntryKind kind, const codec::Json& body) const;
  /// The same for a body that is known to be right.
  [[nodiscard]] std::string write(EntryKind kind, const codec::Json& body) const;
  /// For the hot path: appends the head and leaves the object open, so that the caller appends
  /// `,"key":value...` and a closing brace. Answers with the entry's id.
  std::string open(EntryKind kind, std::string& out) const;

  [[nodiscard]] const std::string& node() const noexcept { return node_; }
  [[nodiscard]] const std::string& boot() const noexcept { return boot_; }
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] Random& random() const noexcept { return random_; }

 private:
  std::string node_;
  std::string boot_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace cordon::model
