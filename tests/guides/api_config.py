"""The guide's API configuration, as the guide has it."""

from typing import Any

API_CONFIG: dict[str, Any] = {
    "gateway_configuration": {
        "rate_limiting": {
            "default_rate": "1000/hour",
            "burst_rate": "100/minute",
            "throttling_response": 429,
        },
        "security": {
            "authentication": {
                "methods": ["jwt", "api_key"],
                "token_expiry": 3600,
                "refresh_enabled": True,
            },
            "cors": {
                "allowed_origins": ["https://*.yourdomain.com"],
                "allowed_methods": ["GET", "POST", "PUT", "DELETE"],
                "max_age": 3600,
            },
        },
        "caching": {
            "enabled": True,
            "default_ttl": 300,
            "cache_control": "public, max-age=300",
        },
    },
    "endpoint_configurations": {
        "media": {
            "/api/v1/media": {
                "methods": ["GET", "POST"],
                "rate_limit": "2000/hour",
                "cache_ttl": 3600,
                "auth_required": True,
            },
            "/api/v1/stream": {
                "methods": ["GET"],
                "rate_limit": "5000/hour",
                "cache_ttl": 0,
                "auth_required": True,
            },
        },
        "backup": {
            "/api/v1/backup": {
                "methods": ["POST"],
                "rate_limit": "100/hour",
                "cache_ttl": 0,
                "auth_required": True,
            },
            "/api/v1/restore": {
                "methods": ["POST"],
                "rate_limit": "50/hour",
                "cache_ttl": 0,
                "auth_required": True,
            },
        },
    },
}
AUTHENTICATION: dict[str, Any] = {
    "sso_configuration": {
        "provider": "oauth2_proxy",
        "allowed_domains": ["yourdomain.com"],
        "session_duration": 86400,
        "cookie_secure": True,
    },
    "rbac_integration": {
        "role_sync": True,
        "group_mapping": {
            "admins": ["admin", "superuser"],
            "users": ["user", "readonly"],
        },
    },
}
