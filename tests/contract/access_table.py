"""Who may call what, written down once more, apart from the code: the least role of every operation.

A new operation fails test_access_roles.py until somebody has thought about its line here.
"""

from buybuddy.domain.accounts.rules import Role

VIEWER = """
    getMe logout changePassword
    listSessions endSession endOtherSessions
    listApiKeys createApiKey deleteApiKey
    getDashboard streamEvents
    listVideos getVideoQueue getVideo
    listProducts listCategories getProductFacets getProduct listProductImages
    downloadProducts downloadChosenProducts downloadProduct exportProductsCsv exportProductsJson listBulkFailures
    pageProductImages
    listDatasets getDataset listDatasetProducts listDatasetVersions getDatasetVersion verifyDatasetVersion exportDataset
    searchByPhoto
    listPhotos getPhoto getPhotoFacets listPhotoImports getPhotoImport listPhotoImportProblems
    listCandidates listSuggestions listDecisions listMatchingQueue getMatchingProgress getEvaluation listLeftOut
    listEncoders listIndexes getIndex listEmbeddingJobs getMatchingSettings getAutomation listMatchAudits
    listAugmentationRuns getAugmentationRun listAugmentedProducts getAugmentationReport listRecipes listBackgrounds
    listJobs getQueueStatus getJob listJobLogs
    getLock listPresence bePresent leavePresence
    listNotifications countUnreadNotifications readAllNotifications readNotification deleteNotification
    GET:/openapi.json GET:/docs GET:/metrics
"""
OPERATOR = """
    uploadVideos processVideos retryVideo deleteVideo
    getUploadCapabilities createUpload getUploadOffset getUpload appendToUpload deleteUpload
    createProduct editProduct deleteProduct addProductImages deleteProductImage makeImagePrimary
    addBarcode removeBarcode makeBarcodePrimary
    downloadImportTemplate previewImport getImport listImportRows applyImport discardImport
    bulkDeleteProducts bulkEditProducts undoBulkEdit
    approveMatches rejectMatches skipMatches undoMatches assignPhotos previewAutomation answerMatchAudit
    addBackgrounds deleteBackground
    addPhotos beginPhotoImport discardPhotos restorePhotos
    cancelJob retryJob
    acquireLock releaseLock releaseLockByBeacon
"""
ENGINEER = """
    createDataset editDataset deleteDataset addDatasetProducts removeDatasetProducts removeDatasetProduct
    freezeDataset deleteDatasetVersion
    evaluateMatching
    fillEncoder activateEncoder
    augmentDataset cancelAugmentationRun createRecipe editRecipe deleteRecipe previewRecipe
    buildIndex activateIndex rollBackIndex deleteIndex extractVectors
"""
ADMIN = """
    listUsers createUser getUser editUser resetPassword
    listUserSessions endUserSessions endUserSession listUserApiKeys deleteUserApiKey deleteUserApiKeys
    setJobLimit listAudit editMatchingSettings
"""
LEAST_ROLE: dict[str, Role] = {
    **dict.fromkeys(VIEWER.split(), "viewer"),
    **dict.fromkeys(OPERATOR.split(), "operator"),
    **dict.fromkeys(ENGINEER.split(), "engineer"),
    **dict.fromkeys(ADMIN.split(), "admin"),
}


def guessed_role(tag: str, method: str) -> Role:
    """Return what an operation that is not in the table would need by its area: the hint for its line."""
    if tag in ("users", "audit"):
        return "admin"
    if method == "GET" or tag in ("auth", "presence", "notifications", "search", "events"):
        return "viewer"
    return "engineer" if tag == "datasets" else "operator"
