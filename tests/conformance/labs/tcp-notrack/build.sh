. ../../net.sh
toll
rule r raw -A PREROUTING -p tcp -m multiport --ports 80 -j CT --notrack
rule r nat -A POSTROUTING -o right -j MASQUERADE
