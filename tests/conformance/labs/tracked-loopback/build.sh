. ../../net.sh
toll
rule a nat -A OUTPUT -d 10.96.0.10 -p udp --dport 80 -j DNAT --to-destination 10.0.1.1:8080
rule a filter -A INPUT -m conntrack --ctstate INVALID -j DROP
