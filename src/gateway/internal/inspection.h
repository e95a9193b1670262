// Texts through the policy: what was found, what was done, and what the text became.
#pragma once

#include "codec/json_index.h"
#include "dialect/request.h"
#include "dialect/text.h"
#include "gateway/capture.h"
#include "gateway/internal/commitment.h"
#include "model/exchange.h"
#include "model/mode.h"
#include "policy/engine.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::gateway {

/// What commitments of one exchange are made with, and what keeps its texts. Views.
struct CommitContext {
  Commitment* commitment = nullptr;
  const Hmac* key = nullptr;
  std::string_view exchange;
  Captured* capture = nullptr;  ///< null where nothing is kept

  void keep(policy::Part part, std::string_view text) const {
    if (capture != nullptr) capture->add(part, text);
  }
};

/// The rule that blocked; empty if none did.
struct BlockedBy {
  std::string rule;
  std::string digest;  ///< of its rulepack
};

/// What inspecting one direction of one exchange has come to.
struct Inspection {
  model::Action verdict = model::Action::allow;
  model::Action action = model::Action::allow;
  model::Scanned scanned;
  std::vector<model::Hit> hits;
  BlockedBy blocked;

  [[nodiscard]] bool is_blocked() const noexcept { return action == model::Action::block; }
};

/// How much of a text went on to its reader, in bytes of the text before redaction.
struct Passed {
  std::uint64_t bytes = 0;
};
inline constexpr Passed kNothing{0};
inline constexpr Passed kEverything{UINT64_MAX};

/// Adds a decision about one text to an inspection. `text` holds the bytes of that text from
/// `text_begin` on, so that a match in it can be committed to.
struct DecidedText {
  const policy::Engine& engine;
  const policy::Decision& decision;
  std::string_view text;
  std::uint64_t text_begin = 0;
  model::Role role = model::Role::none;  ///< who says it, if it is a request's
};
void add_decision(Inspection& into, const DecidedText& decided, Passed passed,
                  const CommitContext& commit);
/// Makes sure that the first match of every rule found so far has its commitment, without
/// counting anything: for texts whose bytes will soon be gone.
void note_matches(Inspection& into, const DecidedText& decided, const CommitContext& commit);

/// The decision for a text that must not be rewritten: what would be redacted is blocked.
[[nodiscard]] policy::Decision without_redaction(policy::Decision decision);
/// How many bytes of what was settled belong before a seam, where `bytes` were written that are, if
/// they are still there, `source`. A redaction stands before the seam, with what was settled with
/// it.
[[nodiscard]] std::size_t bytes_before_seam(std::string_view settled, std::string_view source,
                                            std::size_t bytes, const policy::Decision& decision);
/// Whether `text` may stand in the place of what a value holds: a raw value must stay JSON.
[[nodiscard]] bool may_stand_for(const dialect::TextValue& value, std::string_view text);

/// Inspects the texts of a request. Parts of one text are inspected one by one and also as the
/// one text that the model reads; a text that is signed is never rewritten. Redactions come back as
/// splices, in order. What is neither redacted nor blocked counts as delivered: whether it was, the
/// exchange's end will tell.
void inspect_request(Inspection& into, const policy::Engine& engine, model::Mode mode,
                     std::span<const dialect::RequestText> texts,
                     std::vector<codec::Splice>& splices, const CommitContext& commit);

/// Inspects the texts of a whole answer, all choices or blocks; texts that are shown one after
/// another as one text. What is not redacted or blocked counts as delivered; an answer that is
/// blocked delivers nothing. Splices are in no order.
void inspect_answer(Inspection& into, const policy::Engine& engine, model::Mode mode,
                    std::span<const dialect::SlotText> texts, std::vector<codec::Splice>& splices,
                    const CommitContext& commit);

[[nodiscard]] policy::Part part_of(dialect::Field field) noexcept;

}  // namespace cordon::gateway
