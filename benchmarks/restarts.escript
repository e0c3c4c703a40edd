#!/usr/bin/env escript
%% How long Erlang's supervisor takes from a crash to the next life, in microseconds, a line each: `restarts.escript COUNT`.
%% The same work as restarts.cpp: the victim crashes on a message, and who sent it is told when the next one is up.
-module(restarts).
-behaviour(supervisor).
-mode(compile).
-export([main/1, init/1, start_victim/1, victim/1]).

main([Text]) ->
    logger:set_primary_config(level, none),
    Count = list_to_integer(Text),
    {ok, _} = supervisor:start_link(?MODULE, self()),
    receive {up, First} -> loop(First, Count) end.

loop(_, 0) -> ok;
loop(Victim, Count) ->
    Begin = erlang:monotonic_time(nanosecond),
    Victim ! crash,
    receive {up, Next} ->
        io:format("~.3f~n", [(erlang:monotonic_time(nanosecond) - Begin) / 1000]),
        loop(Next, Count - 1)
    end.

init(Watcher) ->
    {ok, {#{strategy => one_for_one, intensity => 1000000, period => 1},
          [#{id => victim, start => {?MODULE, start_victim, [Watcher]}}]}}.

start_victim(Watcher) ->
    {ok, proc_lib:spawn_link(?MODULE, victim, [Watcher])}.

victim(Watcher) ->
    Watcher ! {up, self()},
    receive crash -> exit(crashed) end.
