likes-api import pod.ndjson
export DIASPORA_POD=http://127.0.0.1:8000
DIASPORA_TOKEN=$(likes-api token create --person person-bob --scope public:read --scope interactions)
export DIASPORA_TOKEN
