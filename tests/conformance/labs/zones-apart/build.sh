. ../../net.sh
toll
rule r mangle -A PREROUTING -i left -j MARK --set-mark 9
rule r raw -A PREROUTING -i left -m ttl --ttl-eq 60 -j CT --zone 1
rule r raw -A PREROUTING -i left -m ttl --ttl-eq 61 -j CT --zone 2
rule r nat -A PREROUTING -p udp -m ttl --ttl-eq 60 -j DNAT --to-destination 10.0.2.2:8001
rule r nat -A PREROUTING -p udp -m ttl --ttl-eq 61 -j DNAT --to-destination 10.0.2.2:8002
