. ../../net.sh
chain a b c
forwards c
ip -n b route del default
