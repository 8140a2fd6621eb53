. ../../net.sh
toll
rule r nat -A PREROUTING -d 10.0.1.2 -p udp --dport 30080 -j DNAT --to-destination 10.0.2.2:8080
rule r nat -A POSTROUTING -d 10.0.2.2 -p udp --dport 8080 -j MASQUERADE
