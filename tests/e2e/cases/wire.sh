# The wire from outside: streams word for word, hostile clients; read by tests/e2e/run.

# case streams_of_every_protocol_pass_byte_for_byte
case_streams_of_every_protocol_pass_byte_for_byte() { python3 "$root/tests/e2e/streams.py" "$binary"; }

# case hostile_clients_and_providers_harm_no_good_traffic
case_hostile_clients_and_providers_harm_no_good_traffic() {
  python3 "$root/tests/e2e/hostile.py" "$binary"
}
