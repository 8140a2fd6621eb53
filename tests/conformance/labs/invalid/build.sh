. ../../net.sh
toll
rule r filter -A FORWARD -m conntrack --ctstate INVALID -j DROP
