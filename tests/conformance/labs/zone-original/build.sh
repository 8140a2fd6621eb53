. ../../net.sh
toll
rule r raw -A PREROUTING -i left -j CT --zone-orig 7
rule r nat -A POSTROUTING -o right -j MASQUERADE
