. ../../net.sh
toll
ip -n r route add unreachable 10.0.9.0/24
rule r nat -A PREROUTING -d 10.96.0.10 -p udp --dport 80 -j DNAT --to-destination 10.0.9.9:8080
rule r nat -A PREROUTING -d 10.96.0.11 -p udp --dport 80 -j DNAT --to-destination 10.0.2.77:8080
