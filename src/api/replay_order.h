// What somebody wants with replay tests, and what came of it.
#pragma once

#include "api/replay_record.h"
#include "containment/tokens.h"
#include "model/action.h"
#include "replay/run.h"

#include <optional>
#include <string>
#include <vector>

namespace cordon::api {

/// A text that a responder brings: redacted or made up, so that it may be kept.
struct ReplaySample {
  policy::Part part = policy::Part::response;
  std::string text;
  std::vector<std::string> hide;
};

/// Makes an incident a test: of what the flight recorder froze, of samples, or of both.
struct BuildReplay {
  std::string incident;
  std::string route;  ///< may be empty when the incident is about one
  std::vector<ReplaySample> samples;
  std::vector<std::string> exchanges;   ///< captured ones to take besides those found by their hits
  std::optional<model::Action> expect;  ///< unless given, one step stricter than what was decided
  model::Actor by;
};

/// A test that was built, and what it makes of the packs in force then: it fails.
struct BuiltReplay {
  ReplayRecord record;
  replay::Report then;
};

/// Which stored tests to run, and the candidate's text, if any.
struct RunReplays {
  std::vector<std::string> ids;  ///< empty: all
  std::string candidate;
  std::string file;  ///< names the candidate in errors
};

}  // namespace cordon::api
