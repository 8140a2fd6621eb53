. ../../net.sh
toll
rule r filter -P FORWARD DROP
rule r filter -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
rule r filter -A FORWARD -i left -m conntrack --ctstate NEW -j ACCEPT
