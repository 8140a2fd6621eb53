. ../../net.sh
toll
rule r nat -A INPUT -p udp --dport 53 -j SNAT --to-source 10.7.7.7
