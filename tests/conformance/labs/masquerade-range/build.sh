. ../../net.sh
toll
rule r nat -A POSTROUTING -p udp -o right -j MASQUERADE --to-ports 5000
