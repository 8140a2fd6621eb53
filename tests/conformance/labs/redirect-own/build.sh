. ../../net.sh
toll
rule a nat -A OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 5353
