# Runs an example and looks at what it says of itself.
#
#   cmake -DEXAMPLE=chaos -DPROGRAM=... -DEMULATOR=... -DKILLS_PER_SECOND=... -P check_example.cmake
#   cmake -DEXAMPLE=plug_ins -DPROGRAM=... -DEMULATOR=... -DCRASH=... -DLIMITED=... -P check_example.cmake
#
# CRASH: how a plug-in that crashes ends, as a regular expression. LIMITED: the system holds a plug-in to its limit of memory.

cmake_minimum_required(VERSION 3.25)

# run(RESULT ARGUMENT...): what it prints. It says itself, by its exit code, whether all was well.
function(run result)
  execute_process(COMMAND ${EMULATOR} ${PROGRAM} ${ARGN} OUTPUT_VARIABLE output RESULT_VARIABLE code)
  message("${output}")
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "it ended with ${code}")
  endif()
  set(${result} "${output}" PARENT_SCOPE)
endfunction()

# expect(WHAT CONDITION...)
macro(expect what)
  if(NOT (${ARGN}))
    message(SEND_ERROR "expected: ${what}")
  endif()
endmacro()

function(check_chaos)
  run(output --json --chaos)
  foreach(key words expected killed reborn seconds)
    string(JSON ${key} GET "${output}" ${key})
  endforeach()
  string(REGEX MATCH "^[0-9]+" seconds "${seconds}")
  math(EXPR kills "${KILLS_PER_SECOND} * ${seconds}")
  expect("the right count" words GREATER 0 AND words EQUAL expected)
  expect("some seconds" seconds GREATER_EQUAL 3)
  expect("at least ${kills} kills" killed GREATER_EQUAL kills)
  expect("some that came back" reborn GREATER 0)
endfunction()

# expect_incident(NUMBER PLUG-IN ASKED ANSWER FATE): the last two as regular expressions.
function(expect_incident number plug_in asked answer fate)
  foreach(key plug_in asked answer fate well)
    string(JSON its_${key} GET "${output}" ${number} ${key})
  endforeach()
  expect("incident ${number} is about ${plug_in}" its_plug_in STREQUAL plug_in AND its_asked STREQUAL asked)
  expect("${plug_in} to answer \"${asked}\" with ${answer}" its_answer MATCHES "^${answer}$")
  expect("the fate of ${plug_in} to be \"${fate}\"" its_fate MATCHES "^${fate}$")
  expect("${plug_in} to be well" its_well)
endfunction()

function(check_plug_ins)
  run(output --json)
  set(back ". back after [0-9]+ ms") # the dot is a semicolon, which would be a list here
  expect_incident(0 reverse stressed desserts "")
  expect_incident(1 crash hello "5 letters" "")
  expect_incident(2 crash boom "crash/plug-in: process down: .*" "${CRASH}${back}")
  expect_incident(3 hang wait "hang/plug-in: timeout: .*" "it was stopped${back}")
  if(LIMITED)
    expect_incident(4 eat more "eat/plug-in: process down: .*" "it exited with code 3${back}")
  else()
    expect_incident(4 eat more "ate all that it wanted" "")
  endif()
  expect_incident(5 reverse desserts stressed "")
  string(JSON incidents LENGTH "${output}")
  expect("no other incident" incidents EQUAL 6)
endfunction()

cmake_language(CALL check_${EXAMPLE})
