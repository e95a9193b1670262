// What a simulated provider says, from a seed.
#pragma once

#include "base/random.h"

#include <string>
#include <string_view>

namespace cordon::sim {

/// Harmless prose of about that many bytes.
[[nodiscard]] std::string make_prose(Random& random, std::size_t bytes);
/// `prose` with `text` as its second sentence.
[[nodiscard]] std::string insert_sentence(std::string_view prose, std::string_view text);

/// A sentence that nobody should be told: hate, harm, crime.
[[nodiscard]] std::string_view pick_unsafe(Random& random);
/// A polite no, as it stands before the style drifts.
[[nodiscard]] std::string_view pick_refusal(Random& random);
/// A promise that no company may make: what the refusals turn into.
[[nodiscard]] std::string_view pick_claim(Random& random);
/// A word that could be an argument.
[[nodiscard]] std::string_view pick_word(Random& random);

/// The largest place at or before `at` where a UTF-8 text may be cut.
[[nodiscard]] std::size_t utf8_floor(std::string_view text, std::size_t at) noexcept;

}  // namespace cordon::sim
