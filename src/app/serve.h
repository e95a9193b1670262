// `cordon serve`: reads the configuration, recovers the journal, starts every thread, and stops
// them in order.
#pragma once

#include "cli/cli.h"

namespace cordon::app {

/// Serves until SIGTERM or SIGINT, or until a start-up step fails, which it says on standard
/// error. Answers with the process's exit code. Main thread; blocks both signals for all threads.
[[nodiscard]] int serve(const cli::ServeArguments& arguments);

}  // namespace cordon::app
