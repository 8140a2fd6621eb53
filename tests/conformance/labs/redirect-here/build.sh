. ../../net.sh
toll
address r left 10.0.1.77/24
rule r nat -A PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 5353
rule r nat -A PREROUTING -p udp --dport 54 -j REDIRECT
