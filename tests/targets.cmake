# Tests that need more than one module, or the built program.

if(BUILD_TESTING)
  add_executable(journal_simulation_test tests/simulation/journal_power_cut_test.cc
                 tests/simulation/journal_kill_test.cc)
  cordon_use_precompiled(journal_simulation_test precompiled_test)
  add_executable(journal_kill_child tests/simulation/journal_kill_child.cc)
  foreach(target journal_simulation_test journal_kill_child)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${target} PRIVATE cordon::journal cordon_warnings)
  endforeach()
  target_link_libraries(journal_simulation_test PRIVATE GTest::gtest_main)
  target_compile_definitions(journal_simulation_test PRIVATE
    CORDON_JOURNAL_KILL_CHILD="$<TARGET_FILE:journal_kill_child>")
  add_dependencies(journal_simulation_test journal_kill_child)
  gtest_discover_tests(journal_simulation_test TEST_PREFIX simulation. DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 120)

  # A whole data path in one process; tests of other modules may link it too.
  add_library(cordon_gateway_harness STATIC tests/integration/gateway_harness.cc
              tests/integration/gateway_frames.cc tests/integration/gated_disk.cc)
  cordon_use_precompiled(cordon_gateway_harness precompiled_test)
  target_include_directories(cordon_gateway_harness PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(cordon_gateway_harness PUBLIC cordon::gateway cordon::sim GTest::gtest
                        cordon_warnings)
  add_executable(gateway_integration_test tests/integration/gateway_exchange_test.cc
                 tests/integration/gateway_stream_test.cc
                 tests/integration/gateway_kill_test.cc
                 tests/integration/gateway_key_test.cc
                 tests/integration/gateway_limits_test.cc
                 tests/integration/gateway_budget_test.cc
                 tests/integration/gateway_cost_test.cc
                 tests/integration/gateway_messages_test.cc
                 tests/integration/gateway_responses_test.cc
                 tests/integration/gateway_surfaces_test.cc
                 tests/integration/gateway_faults_test.cc
                 tests/integration/gateway_breaker_test.cc
                 tests/integration/gateway_flags_test.cc
                 tests/integration/gateway_callouts_test.cc
                 tests/integration/gateway_translate_test.cc)
  cordon_use_precompiled(gateway_integration_test precompiled_test)
  target_link_libraries(gateway_integration_test PRIVATE cordon_gateway_harness GTest::gtest_main)
  gtest_discover_tests(gateway_integration_test TEST_PREFIX integration. DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 120)
endif()

if(BUILD_TESTING)
  add_executable(http1_conformance_test tests/conformance/http1_differential_test.cc
                 src/net/internal/loopback_test.cc)
  cordon_use_precompiled(http1_conformance_test precompiled_test)
  target_link_libraries(http1_conformance_test PRIVATE cordon::net cordon_warnings
                        GTest::gtest_main)
  gtest_discover_tests(http1_conformance_test TEST_PREFIX conformance. DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 120)
endif()

if(BUILD_TESTING)
  # The control plane on a disk in memory; tests of what survives may link it too.
  add_library(cordon_control_world STATIC tests/simulation/control_world.cc)
  target_include_directories(cordon_control_world PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(cordon_control_world PUBLIC cordon::api GTest::gtest cordon_warnings)
  add_executable(control_reload_test tests/simulation/control_reload_test.cc)
  target_link_libraries(control_reload_test PRIVATE cordon_control_world GTest::gtest_main)
  gtest_discover_tests(control_reload_test TEST_PREFIX simulation. DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 120)
  add_executable(control_simulation_test tests/simulation/control_fold_test.cc)
  target_link_libraries(control_simulation_test PRIVATE cordon_control_world GTest::gtest_main)
  gtest_discover_tests(control_simulation_test TEST_PREFIX simulation. DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 300 LABELS slow)
endif()
