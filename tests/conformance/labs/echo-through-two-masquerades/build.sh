. ../../net.sh
chain a r m b
rule r nat -A POSTROUTING -o right -j MASQUERADE
rule m nat -A POSTROUTING -o right -j MASQUERADE
