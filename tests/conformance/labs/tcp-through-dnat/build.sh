. ../../net.sh
toll
route r 10.0.9.0/24 via 10.0.2.2
knows r left 10.0.1.55 02:00:0a:00:01:55 permanent
rule r nat -A PREROUTING -d 10.96.0.10 -p tcp --dport 80 -j DNAT --to-destination 10.0.9.9:8080
rule r nat -A POSTROUTING -o right -j MASQUERADE
