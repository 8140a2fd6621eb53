. ../../net.sh
toll
rule r nat -A POSTROUTING -o right -j MASQUERADE
rule r filter -A FORWARD -m conntrack --ctstate INVALID -j DROP
